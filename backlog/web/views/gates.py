"""The gate of a phase, set and ended on its page."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from backlog.errors import NotFound
from backlog.models import Card
from backlog.templatetags.backlog import line
from backlog.verbs import gates
from backlog.web.access import CHANGE, acts, needs
from backlog.web.buttons import number_of
from backlog.web.navigation import way_back


@needs(CHANGE)
@require_POST
@acts("gate")
def gate(request: HttpRequest) -> HttpResponse:
    """Let the cards of the phase `name` be done only with their verdicts."""
    made = gates.gate(Card.objects.session(), request.POST.get("name", ""))
    messages.success(request, f"Gated: phase {line(made.phase)}, {number_of(made.cards)}.")
    return redirect(way_back(request))


@needs(CHANGE)
@require_POST
@acts("ungate")
def ungate(request: HttpRequest) -> HttpResponse:
    """Let them be done without, again."""
    try:
        ended = gates.ungate(Card.objects.session(), request.POST.get("name", ""))
    except NotFound as refusal:
        messages.warning(request, f"{refusal}.")
    else:
        said = f"Gated no longer: phase {line(ended.phase)}, {number_of(ended.cards)}."
        messages.success(request, said)
    return redirect(way_back(request))
