"""The fleet: who holds what, and how the work flows."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog.access import CHANGE, may, needs, reads
from backlog.actions import Seen
from backlog.drawing import CHART, bars, stacked
from backlog.errors import UsageError
from backlog.lifecycle import STATUSES
from backlog.models import Card
from backlog.verbs.flow import MOST_CLAIMS, days, times, workers

SPANS = (7, 30, 90)


@reads
@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    """Workers and their claims, statistics, and flow over the last `days`."""
    given = request.GET.get("days", "30")
    if given not in map(str, SPANS):
        raise UsageError(f"days must be one of {', '.join(map(str, SPANS))}")
    session = Card.objects.session()
    past = days(session, int(given))
    order = tuple(reversed(STATUSES))  # done at the bottom, as cumulative flow is drawn
    context = {
        "workers": [
            (worker, [(card, str(Seen.of(card))) for card in worker.cards])
            for worker in workers(session)
        ],
        "stats": Card.objects.stats(),
        "most_claims": MOST_CLAIMS,
        "times": times(session, int(given)),
        "past": past[::-1],
        "flow": stacked({status: [day.standing[status] for day in past] for status in order}),
        "bars": bars(
            [day.day.isoformat() for day in past],
            {
                "created": [day.created for day in past],
                "claimed": [day.claimed for day in past],
                "done": [day.done for day in past],
            },
        ),
        "chart": CHART,
        "statuses": STATUSES,
        "spans": SPANS,
        "span": int(given),
        "may_change": may(request, CHANGE),
    }
    return render(request, "backlog/fleet.html", context)


@needs(CHANGE)
@require_POST
def reclaim(request: HttpRequest) -> HttpResponse:
    """Return every expired claim to the pool."""
    ids = Card.objects.reclaim()
    if ids:
        messages.success(request, f"Reclaimed {', '.join(ids)}")
    else:
        messages.info(request, "No claim has expired: nothing to reclaim.")
    return redirect("fleet")
