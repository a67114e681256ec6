"""The fleet: who holds what, and how the work flows."""

from collections.abc import Sequence

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

from backlog.errors import UsageError
from backlog.lifecycle import STATUSES
from backlog.models import Card
from backlog.verbs.rules import pauses
from backlog.web.access import CHANGE, may, reads
from backlog.web.buttons import Seen
from backlog.web.charts import Chart, bars, stacked
from backlog.web.queries.fleet import MOST_CLAIMS, Day, days, expired, spending, times, workers

SPANS = (7, 30, 90)


@reads
@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    """Workers and their claims, what of them expired, and flow over the last `days`."""
    given = request.GET.get("days", "30")
    if given not in map(str, SPANS):
        raise UsageError(f"days must be one of {', '.join(map(str, SPANS))}")
    session = Card.objects.session()
    past = days(session, int(given))
    working = workers(session)
    now = timezone.now()
    context = {
        "pauses": pauses(session),
        "next": request.get_full_path(),
        "workers": [
            (worker, [(card, str(Seen.of(card))) for card in worker.cards]) for worker in working
        ],
        "expired": [
            (card, str(Seen.of(card)), (now - since).total_seconds())
            for card, since in expired(working)
        ],
        "stats": Card.objects.stats(),
        "most_claims": MOST_CLAIMS,
        "times": times(session, int(given)),
        "spending": spending(session, int(given)),
        "past": past[::-1],
        **_charts(past),
        "statuses": STATUSES,
        "spans": SPANS,
        "span": int(given),
        "may_change": may(request, CHANGE),
    }
    return render(request, "backlog/fleet.html", context)


def _charts(past: Sequence[Day]) -> dict[str, Chart]:
    dates = [day.day for day in past]
    bottom_up = reversed(STATUSES)  # done at the bottom, as cumulative flow is drawn
    standing = {status: [day.standing[status] for day in past] for status in bottom_up}
    happened = {
        "created": [day.created for day in past],
        "claimed": [day.claimed for day in past],
        "done": [day.done for day in past],
    }
    return {"flow": stacked(dates, standing), "bars": bars(dates, happened)}
