"""Activity: what happened to all cards, whoever did it."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card, Event
from backlog.verbs import names
from backlog.verbs.history import SAID
from backlog.web.access import reads
from backlog.web.queries import activity as queries
from backlog.web.queries import lines

VERBS = (
    "create",
    "edit",
    "claim",
    "complete",
    "release",
    "reclaim",
    "block",
    "cancel",
    "unblock",
    "reopen",
    "link",
    "unlink",
    "delete",
    *SAID,
)


@reads
@require_safe
def activity(request: HttpRequest) -> HttpResponse:
    """A page of the events, the newest first: those before or after an id."""
    given = {
        name: values.text(request.GET.get(name, "").strip(), name) for name in ("actor", "verb")
    }
    given["card"] = names.found(Card.objects.session(), "id", request.GET.get("card", ""), "card")
    chosen = {name: value for name, value in given.items() if value}
    events = lines.events(Event.objects.filter(**chosen))
    found = queries.activity(events, _event(request, "before"), _event(request, "after"))
    context = {
        "found": found,
        "events": found.events,
        "chosen": chosen,
        "verbs": VERBS,
        **_links(found, chosen),
    }
    return render(request, "backlog/activity.html", context)


def _event(request: HttpRequest, name: str) -> int | None:
    given = request.GET.get(name)
    return values.integer(given, name, 0, values.BIGINT_MAX) if given else None


def _links(found: queries.Activity, chosen: dict[str, str]) -> dict[str, str]:
    """Where the newest, the newer and the older events are."""
    ends = {}
    if found.events:
        ends = {"older": {"before": found.events[-1].id}, "newer": {"after": found.events[0].id}}
    return {
        name: f"?{urlencode({**chosen, **end})}" for name, end in {"newest": {}, **ends}.items()
    }
