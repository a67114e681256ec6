"""One phase: its progress, what is left of it, who works there, and what holds it back."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card
from backlog.verbs.gates import gates
from backlog.web.access import ADD, CHANGE, may, reads
from backlog.web.live import follows
from backlog.web.queries import phase as queries
from backlog.web.queries.fleet import MOST_CLAIMS
from backlog.web.queries.large import AtLeast
from backlog.web.views.cell import bar
from backlog.web.views.fleet import shown_claims


def _part(done: int, total: int) -> int | None:
    """In per cent; None of nothing, and of counts that were not ended."""
    return 100 * done // total if total and not isinstance(total, AtLeast) else None


@reads
@require_safe
@follows
def phase(request: HttpRequest, name: str | None) -> HttpResponse:
    """Everything about a phase, or (None) about the cards without one."""
    if name is not None:
        values.text(name, "phase")
    session = Card.objects.session()
    heading = queries.heading(session, name)
    context: dict[str, Any] = {
        "phase": name,
        "heading": heading,
        # One empty phase is any; two are none.
        "query": urlencode({"phase": ["", ""] if name is None else [name]}, doseq=True),
        "may_change": may(request, CHANGE),
        "may_add": may(request, ADD),
        "next": request.get_full_path(),
    }
    if not (heading.total or heading.pause or heading.limit or heading.budget or name is None):
        return render(request, "backlog/no_phase.html", context, status=404)
    context |= {
        "bar": bar(heading),
        "in_review": queries.in_review(heading),
        "part_done": _part(heading.done, heading.total),
        "took": queries.took(session, name),
        "spend": queries.spend(session, name),
        "budget": heading.budget,
        "graph": queries.graph(session, name, heading.total),
        "claims": shown_claims(request, phase=name),
        "most_claims": MOST_CLAIMS,
        "scope": "phase",
        "pause": heading.pause,
        "limit": heading.limit,
        "gate": next(iter(gates(session, name)), None) if name is not None else None,
    }
    return render(request, "backlog/phase.html", context)
