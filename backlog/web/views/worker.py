"""One worker: what it holds and what it did, when it was heard last, what holds it back."""

from datetime import UTC, datetime

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card
from backlog.verbs.flow import SPANS
from backlog.verbs.rules import in_force
from backlog.verbs.timeline import timeline
from backlog.web.access import CHANGE, may, reads
from backlog.web.live import follows
from backlog.web.queries import worker as queries
from backlog.web.queries.fleet import MOST_CLAIMS
from backlog.web.views.fleet import shown_claims
from backlog.web.views.spans import span_of
from backlog.web.views.timeline import drawn


@reads
@require_safe
@follows
def worker(request: HttpRequest, name: str) -> HttpResponse:
    """Everything about whoever claims by this name."""
    values.text(name, "owner")
    span, session = span_of(request), Card.objects.session()
    covered, begun = queries.covered(session), SPANS[span].begin(datetime.now(UTC))
    since = max(covered, begun) if covered else begun
    runs = queries.runs(session, name, covered)
    heard = queries.heard(session, name)
    claims = shown_claims(request, claim_owner=name)
    pause, limit = in_force(session).of("owner", name)
    if not (claims or runs or heard or pause or limit):
        return render(request, "backlog/no_worker.html", {"owner": name}, status=404)
    in_span = [run for run in runs if run.ended_at >= since]
    figures = queries.figures(in_span)
    ended = [(run.outcome, run.started_at, run.ended_at) for run in in_span if run.attempt]
    shown = runs[: queries.RUNS]
    titles = queries.titles(shown)
    context = {
        "owner": name,
        "figures": figures,
        "part_completed": 100 * figures["completed"] // (figures["runs"] or 1),
        "heard": heard,
        "claims": claims,
        "most_claims": MOST_CLAIMS,
        "runs": [(run, titles.get(run.card_id)) for run in shown],
        "all_runs": len(runs),
        "covered": covered,
        "most_events": queries.MOST_EVENTS,
        "timeline": drawn(timeline(session, since, name, ended)),
        "span": span,
        "span_label": SPANS[span].label,
        "is_cut": since != begun,
        "spans": SPANS,
        "scope": "owner",
        "pause": pause,
        "limit": limit,
        "may_change": may(request, CHANGE),
        "next": request.get_full_path(),
    }
    return render(request, "backlog/worker.html", context)
