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
    since = SPANS[span].begin(datetime.now(UTC))
    figures = queries.figures(name, since)
    claims = shown_claims(request, claim_owner=name)
    if not (claims or figures["kept"] or queries.is_known(name)):
        return render(request, "backlog/no_worker.html", {"owner": name}, status=404)
    pause, limit = in_force(session).of("owner", name)
    context = {
        "owner": name,
        "figures": figures,
        "part_completed": 100 * figures["completed"] // (figures["runs"] or 1),
        "heard": queries.heard(name, figures),
        "claims": claims,
        "most_claims": MOST_CLAIMS,
        "runs": queries.last_runs(name),
        "timeline": drawn(timeline(session, since, name)),
        "span": span,
        "span_label": SPANS[span].label,
        "spans": SPANS,
        "scope": "owner",
        "pause": pause,
        "limit": limit,
        "may_change": may(request, CHANGE),
        "next": request.get_full_path(),
    }
    return render(request, "backlog/worker.html", context)
