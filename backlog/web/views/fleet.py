"""The fleet: who has claimed what, who worked when, and how the work flows."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from itertools import dropwhile
from typing import Any, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backlog.lifecycle import BLOCKED, CLAIMED, DONE, READY, STATUSES
from backlog.models import Card, Rule, RunOutput
from backlog.templatetags.backlog import amount
from backlog.verbs.flow import DAY, SPANS, Flow, Part, flow
from backlog.web.access import CHANGE, VIEW, may, reads
from backlog.web.live import follows
from backlog.web.queries.board import counts
from backlog.web.queries.fleet import MOST_CLAIMS, by_worker, claims
from backlog.web.queries.large import AtLeast
from backlog.web.queries.spend import spent
from backlog.web.seen import Seen
from backlog.web.views.spans import span_of
from backlog.web.views.timeline import drawn

# The states whose past is known: a ready card may have waited then.
_WITH_COURSE = (CLAIMED, BLOCKED)
# As many phases are named of what runs took.
MOST_PHASES = 25


@reads
@require_safe
@follows
def fleet(request: HttpRequest) -> HttpResponse:
    """What stands where now, workers and their claims, and flow over a span of time."""
    name = span_of(request)
    flowed = flow(Card.objects.session(), name)
    claimed = shown_claims(request)
    context = {
        "pauses": Rule.objects.pauses(),
        "next": request.get_full_path(),
        "claims": claimed,
        "expired": [(card, seen) for card, seen in claimed if card.expired],
        "most_claims": MOST_CLAIMS,
        "flowed": flowed,
        "tiles": _tiles(flowed),
        **(_moments(flowed) | _charts(_lived(flowed.parts), name) if flowed else {}),
        "timeline": drawn(flowed.timeline) if flowed else None,
        "spans": SPANS,
        "span": name,
        "span_label": SPANS[name].label,
        "most_phases": MOST_PHASES,
        "spend": spent(Card.objects.session()),
        "may_change": may(request, CHANGE),
    }
    return render(request, "backlog/fleet.html", context)


def shown_claims(request: HttpRequest, **chosen: Any) -> list[tuple[Card, str]]:
    """The claims of cards with these values, of each worker together, as `_claims.html` shows them:
    each card as it was seen, and with what it has printed last for who may view it."""
    claimed = by_worker(claims(**chosen))
    if may(request, VIEW):
        printed = RunOutput.objects.last_lines(card.pk for card in claimed)
        for card in claimed:
            card.printed = printed.get(card.pk, "")
    return [(card, str(Seen.of(card))) for card in claimed]


class Tile(NamedTuple):
    """A figure, the list of what it counts as a query, and its course over the span, if known."""

    name: str
    number: str
    query: str = ""
    course: str = ""


def _tiles(flowed: Flow | None) -> list[Tile]:
    """What stands where now; of the span, what is done and what it cost."""
    cells = counts(Card.objects.session()).values()
    past: Sequence[Part] = flowed.parts if flowed else ()

    def now(name: str, cell: str) -> Tile:
        number = sum(each.get(cell, (0, 0))[0] for each in cells)
        course = spark([part.standing[cell] for part in past]) if cell in _WITH_COURSE else ""
        return Tile(name, _written(number), f"status={cell}", course)

    def then(name: str, values: Sequence[int]) -> Tile:
        return Tile(name, _written(sum(values)), course=spark([float(each) for each in values]))

    late = sum(late for each in cells for _, late in each.values())
    return [
        now("running", CLAIMED),
        *(now(cell, cell) for cell in ("ready", "waiting", "blocked")),
        Tile("expired", _written(late), "status=claimed&stuck=1"),
        then("done", [part.done for part in past]),
        _cost([part.cost for part in past]),
    ][: None if past else -2]


def _cost(past: Sequence[Decimal | None]) -> Tile:
    """What runs cost; where no worker said, no figure."""
    if all(each is None for each in past):
        return Tile("cost", "not told")
    told = [each or Decimal(0) for each in past]
    total = sum(told)
    number = f"{total:,.2f}" if total >= 1 else _written(total)
    return Tile("cost", number, course=spark([float(each) for each in told]))


def _written(number: Decimal | int) -> str:
    return str(number) if isinstance(number, AtLeast) else amount(number)


def _moments(flowed: Flow) -> dict[str, datetime | None]:
    """When the figures were so, and since when the oldest ready card is: an open page goes on."""
    at, age = flowed.at or timezone.now(), flowed.stats.oldest_ready_age_seconds
    return {"at": at, "oldest": None if age is None else at - timedelta(seconds=age)}


def _lived(past: Sequence[Part]) -> list[Part]:
    """The parts from the first on that had a card."""
    return list(
        dropwhile(
            lambda part: not any((part.created, part.claimed, part.done, *part.standing.values())),
            past,
        )
    )


def spark(values: Sequence[float]) -> str:
    """The points of a line through these, in a box of 100 by 20, from 0 at its bottom."""
    most, last = max(values, default=0) or 1, max(1, len(values) - 1)
    return " ".join(
        f"{100 * number / last:.0f},{19 - 18 * value / most:.1f}"
        for number, value in enumerate(values)
    )


class Chart(NamedTuple):
    """A table of figures over time, which a script draws.

    `series`: a name and a class of the style sheet for each column; `rows`: a moment (UTC) and its
    figures, the latest first. `stacked`: one above the other, the first at the bottom; `whole`: the
    figures are counts.
    """

    name: str
    title: str
    series: Sequence[tuple[str, str]]
    rows: Sequence[tuple[str, Sequence[Decimal | int | None]]]
    stacked: bool = False
    whole: bool = True


def _charts(past: Sequence[Part], span: str) -> dict[str, Any]:
    by_day = SPANS[span].part == DAY
    part = {"1h": "5 minutes", "24h": "hour"}.get(span, "day")
    written = "%Y-%m-%d" if by_day else "%Y-%m-%d %H:%M"
    latest = [(each.at.strftime(written), each) for each in past[::-1]]
    bottom_up = STATUSES[::-1]  # done at the bottom, as cumulative flow is drawn
    charts = [
        Chart(
            "standing",
            f"Cards by status at the end of each {part}",
            [(status, status) for status in bottom_up],
            [(at, [each.standing[status] for status in bottom_up]) for at, each in latest],
            stacked=True,
        ),
        Chart(
            "happened",
            f"Cards created, claimed and done, each {part}",
            [("created", READY), ("claimed", CLAIMED), ("done", DONE)],
            [(at, [each.created, each.claimed, each.done]) for at, each in latest],
        ),
    ]
    if any(each.cost is not None for each in past):
        title = f"Cost of the runs that ended, each {part}, in your currency"
        rows = [(at, [each.cost]) for at, each in latest]
        charts.append(Chart("cost", title, [("cost", "cost")], rows, whole=False))
    return {
        "charts": charts,
        "past": past,
        "by_day": by_day,
        "part": part,
        "cut": len(past) < SPANS[span].number,
    }
