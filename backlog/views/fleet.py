"""The fleet: who holds what, and how the work flows."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_POST, require_safe

from backlog.access import CHANGE, needs, reads


@reads
@require_safe
def fleet(request: HttpRequest) -> HttpResponse:
    """Workers and their claims, statistics and flow."""
    return render(request, "backlog/fleet.html")


@needs(CHANGE)
@require_POST
def reclaim(request: HttpRequest) -> HttpResponse:
    """Return every expired claim to the pool."""
    raise NotImplementedError
