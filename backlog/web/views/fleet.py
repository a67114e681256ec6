"""The fleet: who has claimed what, and how the work flows."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from itertools import dropwhile
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backlog import values
from backlog.lifecycle import STATUSES
from backlog.models import Card, Rule, RunOutput
from backlog.verbs.flow import SPANS, Day, Flow, flow
from backlog.web.access import CHANGE, VIEW, may, reads
from backlog.web.buttons import Seen
from backlog.web.charts import bars, stacked
from backlog.web.live import follows
from backlog.web.queries.fleet import MOST_CLAIMS, by_worker, claims


@reads
@require_safe
@follows
def fleet(request: HttpRequest) -> HttpResponse:
    """Workers and their claims, what of them expired, and flow over the last `days`."""
    span = int(values.one_of(request.GET.get("days", "30"), "days", [str(n) for n in SPANS]))
    flowed = flow(Card.objects.session(), span)
    claimed = claims()
    if may(request, VIEW):
        printed = RunOutput.objects.last_lines(card.pk for card in claimed)
        for card in claimed:
            card.printed = printed.get(card.pk, "")
    context = {
        "pauses": Rule.objects.pauses(),
        "next": request.get_full_path(),
        "claims": _with_seen(by_worker(claimed)),
        "expired": _with_seen(card for card in claimed if card.expired),
        "most_claims": MOST_CLAIMS,
        "flowed": flowed,
        **(_moments(flowed) | _charts(_lived(flowed.days)) if flowed else {}),
        "statuses": STATUSES,
        "spans": SPANS,
        "span": span,
        "may_change": may(request, CHANGE),
    }
    return render(request, "backlog/fleet.html", context)


def _with_seen(cards: Iterable[Card]) -> list[tuple[Card, str]]:
    return [(card, str(Seen.of(card))) for card in cards]


def _moments(flowed: Flow) -> dict[str, datetime | None]:
    """When the figures were so, and since when the oldest ready card is: an open page goes on."""
    at, age = flowed.at or timezone.now(), flowed.stats.oldest_ready_age_seconds
    return {"at": at, "oldest": None if age is None else at - timedelta(seconds=age)}


def _lived(past: Sequence[Day]) -> list[Day]:
    """The days from the first on that had a card; today, if none had."""
    lived = dropwhile(lambda day: not any((*day[1:4], *day.standing.values())), past)
    return list(lived) or list(past[-1:])


def _charts(past: Sequence[Day]) -> dict[str, Any]:
    dates = [day.day for day in past]
    bottom_up = reversed(STATUSES)  # done at the bottom, as cumulative flow is drawn
    standing = {status: [day.standing[status] for day in past] for status in bottom_up}
    happened = {
        "created": [day.created for day in past],
        "claimed": [day.claimed for day in past],
        "done": [day.done for day in past],
    }
    charts = {"standing": stacked(dates, standing), "bars": bars(dates, happened)}
    return {**charts, "past": past}
