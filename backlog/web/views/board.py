"""The board: lanes by phase, kept up to date by asking what has changed."""

from typing import Any, Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_safe

from backlog.lifecycle import CELLS, CLAIMED
from backlog.models import Card
from backlog.web import beside
from backlog.web.access import ADD, CHANGE, VIEW, may, reads
from backlog.web.buttons import elsewhere, offered
from backlog.web.choice import Choice
from backlog.web.live import VERSION, Live
from backlog.web.navigation import in_sight
from backlog.web.queries import board as queries
from backlog.web.queries.board import Board, Heading
from backlog.web.queries.filters import phases
from backlog.web.views import saved
from backlog.web.views.cell import add_html, cell_html, heading_html
from backlog.web.views.start import start

_LIVE = Live(queries.board)

# With so few lanes those without activity are open too.
FEW_LANES: Final = 6


@reads
@require_safe
def board(request: HttpRequest) -> HttpResponse:
    """A page of lanes, chosen and laid out by the URL; without any card, the first steps."""
    if VERSION in request.headers:  # so asks a page of the first steps, for what it shows
        return start(request)
    choice = Choice.of(request)
    shown = _shown(choice)
    if not (shown.lanes or choice.narrowed):
        return start(request)
    may_add, kept = may(request, ADD), choice.rest
    opened = [_is_open(lane.heading, choice, len(shown.lanes)) for lane in shown.lanes]
    context = {
        "board": shown,
        "cells": CELLS,
        "lanes": [
            (
                lane.heading,
                is_open,
                heading_html(lane.heading),
                SafeString("".join(cell_html(cell, kept) for cell in lane.cells)),
                add_html(lane.heading.phase) if may_add else "",
            )
            for lane, is_open in zip(shown.lanes, opened, strict=True)
        ],
        "all_open": all(opened),
        "but_lanes": choice.hidden(*(name for name in choice.parameters if name != "lanes")),
        "pages": beside.labelled(in_sight(), shown.waiting),
        "waiting": shown.waiting,
        "others": [part.html(request) for part in shown.others],
        "few": len(shown.lanes) <= FEW_LANES,
        "phases": phases(Card.objects.session()),
        "keep": choice.hidden("layout", "lanes"),
        "buttons": offered(request, without=elsewhere(drafts=shown.has_drafts)),
        **_above(request, shown, choice),
        **saved.of_account(request, choice),
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
    """The cells and headings with these keys as they are now: a map of key to HTML, without those
    now gone; always what stands above them."""
    choice = Choice.of(request)
    shown = _shown(choice)
    html: dict[str, str] = {}
    for key in request.GET.getlist("key"):
        if key in shown.cells:
            html[key] = cell_html(shown.cells[key], choice.rest)
        elif key in shown.headings:
            html[key] = heading_html(shown.headings[key])
    context = {"board": shown, **_above(request, shown, choice)}
    for name in ("totals", "running", "attention", "banner"):
        html[name] = render_to_string(f"backlog/_{name}.html", context, request)
    html |= {part.key: part.html(request) for part in (*shown.others, *shown.waiting.values())}
    return _uncached(JsonResponse({"cells": html}))


def _is_open(lane: Heading, choice: Choice, lanes: int) -> bool:
    """Whether this one of so many lanes is open to begin with; a browser remembers the rest."""
    if choice.lanes:
        return choice.lanes == "open"
    return lane.active or (lanes <= FEW_LANES and not lane.finished)


def _above(request: HttpRequest, shown: Board, choice: Choice) -> dict[str, Any]:
    """The totals, each with the list of its cards; what is paused, for whom to resume, and where
    that leads back to."""
    page = str(choice.page) if choice.page > 1 else None
    asked = {name: {"status": name} for name in CELLS}
    asked["expired"] = {"status": CLAIMED, "stuck": "1"}
    return {
        "choice": choice,
        "totals": [(name, shown.totals[name], choice.listed(**asked[name])) for name in asked],
        "pauses": shown.pauses,
        "signature": shown.banner,
        "may_change": may(request, CHANGE),
        "may_view": may(request, VIEW),
        "next": (reverse("board") + choice.url(key=None, page=page)).removesuffix("?"),
    }


def _shown(choice: Choice) -> Board:
    """What is archived is on no board, whatever is asked for."""
    return _LIVE.now(Card.objects.session(), choice.filter._replace(archived=False), choice.page)


def _uncached(response: HttpResponse) -> HttpResponse:
    response["Cache-Control"] = "no-store"
    return response
