"""The list of cards: sorted, filtered, in pages, many selected for one action."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog.lifecycle import CELLS
from backlog.models import Card
from backlog.verbs.rules import pauses
from backlog.web.access import CHANGE, may, reads
from backlog.web.buttons import elsewhere, offered
from backlog.web.choice import Choice
from backlog.web.queries.filters import phases
from backlog.web.queries.listing import CLAIMS, PAGE, cards, is_in_part, sorted_by
from backlog.web.seen import Seen
from backlog.web.views import saved
from backlog.web.views.buttons import MOST

# Headings of the table, each with the order that its link asks for.
_COLUMNS = (
    ("id", "Id"),
    ("title", "Title"),
    ("", "Phase"),
    ("claim", "Priority"),
    ("", "State"),
    ("lease", "Owner"),
    ("attempts", "Attempts"),
    ("longest", "Since"),
    ("due", "Due"),
)


@reads
@require_safe
def card_list(request: HttpRequest) -> HttpResponse:
    """A page of the cards chosen by the URL, in the order it says."""
    choice = Choice.of(request)
    sort = request.GET.get("sort") or CLAIMS
    name, called, down = sorted_by(sort)
    found = cards(choice.filter, sort, choice.page)
    context = {
        "pauses": pauses(Card.objects.session()),
        "next": request.get_full_path(),
        "found": found,
        "in_part": is_in_part(choice.filter),
        "rows": [(card, Seen.of(card)) for card in found],
        "choice": choice,
        "cells": CELLS,
        "with_archived": True,
        "phases": phases(Card.objects.session()),
        "sorted_by": called,
        "columns": [
            (label, each and choice.url(sort=f"-{each}" if each == sort else each), each == name)
            for each, label in _COLUMNS
        ],
        "direction": "descending" if down else "ascending",
        "keep": choice.hidden("sort"),
        "buttons": offered(request, without=elsewhere(drafts=any(card.draft for card in found))),
        "matching": choice.url(sort=None) if PAGE < found.paginator.count <= MOST else "",
        "may_change": may(request, CHANGE),
        **saved.of_account(request, choice),
    }
    return render(request, "backlog/list.html", context)
