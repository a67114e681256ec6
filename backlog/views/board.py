"""The board: lanes by phase, kept up to date by asking what has changed."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from backlog.access import CHANGE, may, reads
from backlog.models import Card
from backlog.verbs.board import Board
from backlog.verbs.filters import CELLS
from backlog.verbs.live import LiveBoard
from backlog.views.actions import offered
from backlog.views.cell import cell_html
from backlog.views.choice import Choice

_LIVE = LiveBoard()


@reads
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """A page of lanes, chosen and laid out by the URL."""
    choice = Choice.of(request)
    shown = _shown(choice)
    context = {
        "board": shown,
        "choice": choice,
        "cells": CELLS,
        "lanes": [(lane, [(cell, cell_html(cell)) for cell in lane.cells]) for lane in shown.lanes],
        "phases": [lane.phase for lane in shown.lanes if lane.phase],
        "keep": choice.hidden("layout"),
        "actions": offered(request),
        "may_change": may(request, CHANGE),
        "poll_seconds": settings.BACKLOG_POLL_SECONDS,
    }
    return render(request, "backlog/board.html", context)


@reads
@require_safe
def live(request: HttpRequest) -> HttpResponse:
    """204 if the page is still at version `v`; else its version and the signature of each cell."""
    shown = _shown(Choice.of(request))
    if request.GET.get("v") == shown.version:
        return HttpResponse(status=204)
    return _uncached(JsonResponse({"version": shown.version, "cells": shown.signatures}))


@reads
@require_safe
def cells(request: HttpRequest) -> HttpResponse:
    """The cells with these keys as they are now: a map of key to HTML, without those now gone."""
    shown = _shown(Choice.of(request))
    found = {key: shown.cells[key] for key in request.GET.getlist("key") if key in shown.cells}
    html: dict[str, str] = {key: cell_html(cell) for key, cell in found.items()}
    context = {"board": shown, "may_change": may(request, CHANGE)}
    html["totals"] = render_to_string("backlog/_totals.html", context)
    return _uncached(JsonResponse({"cells": html}))


def _shown(choice: Choice) -> Board:
    return _LIVE.now(Card.objects.session(), choice.filter, choice.page)


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
