"""The pages of the board."""

from django.urls import path, register_converter

from backlog.web.navigation import coded, decoded
from backlog.web.views import (
    activity,
    board,
    buttons,
    cards,
    doctor,
    fleet,
    gates,
    listing,
    output,
    plan,
    rules,
    saved,
    search,
    start,
)
from backlog.web.views.palette import palette
from backlog.web.views.phase import phase
from backlog.web.views.worker import worker


class CardId:
    """Any id or name in one segment of a path: what is special there is `_` and two hex digits."""

    regex = "[^/]+"

    def to_python(self, value: str) -> str:
        return decoded(value)

    def to_url(self, value: str) -> str:
        return coded(value, r"\." if value in (".", "..") else r"[_/\\?#%;&+]")


register_converter(CardId, "card")
register_converter(CardId, "name")

urlpatterns = [
    path("", board.board, name="board"),
    path("live/", board.live, name="live"),
    path("live/cells/", board.cells, name="live_cells"),
    path("palette/", palette, name="palette"),
    path("cards/", listing.card_list, name="cards"),
    path("cards/new/", cards.create, name="create"),
    path("cards/act/", buttons.act, name="act"),
    path("plan/", plan.plan, name="plan"),
    path("views/save/", saved.save, name="save_view"),
    path("views/remove/", saved.remove, name="remove_view"),
    path("start/", start.start, name="start"),
    path("start/sample/", start.sample, name="sample"),
    path("card/<card:card_id>/", cards.card, name="card"),
    path("card/<card:card_id>/edit/", cards.edit, name="edit"),
    path("card/<card:card_id>/output/", output.output, name="output"),
    path("card/<card:card_id>/output/live/", output.live, name="output_live"),
    path("fleet/", fleet.fleet, name="fleet"),
    path("phase/", phase, {"name": None}, name="no_phase"),
    path("phase/<name:name>/", phase, name="phase"),
    path("worker/<name:name>/", worker, name="worker"),
    path("activity/", activity.activity, name="activity"),
    path("search/", search.search, name="search"),
    path("doctor/", doctor.doctor, name="doctor"),
    path("control/", rules.page, name="control"),
    path("control/pause/", rules.pause, name="pause"),
    path("control/resume/", rules.resume, name="resume"),
    path("control/limit/", rules.limit, name="limit"),
    path("control/unlimit/", rules.unlimit, name="unlimit"),
    path("control/budget/", rules.budget, name="budget"),
    path("control/unbudget/", rules.unbudget, name="unbudget"),
    path("control/gate/", gates.gate, name="gate"),
    path("control/ungate/", gates.ungate, name="ungate"),
]
