"""The palette: whatever has a name and a page, as a part of every page."""

from typing import Any
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from backlog import values
from backlog.web.access import ADD, may, reads
from backlog.web.navigation import LONGEST_SEARCH, PAGES
from backlog.web.queries.palette import cards_called, phases_called, workers_called

# Of each option what it is called, what is said beside it, and where it leads.
Option = tuple[str, str, str]


@reads
@require_safe
def palette(request: HttpRequest) -> HttpResponse:
    """What the text `q` finds, in groups; without one, the pages."""
    text = values.text(request.GET.get("q", "").strip()[:LONGEST_SEARCH], "text")
    pages = [option for option in _pages(request) if text.casefold() in option[0].casefold()]
    groups = [*(_found(text) if text else []), ("Pages", "chevron-right", pages)]
    if text:
        more = (f"Search the cards for “{text}”", "", _query("cards", q=text))
        groups.append(("Search", "search", [more]))
    response = render(request, "backlog/_found.html", {"groups": groups})
    response["Cache-Control"] = "no-store"
    return response


def _found(text: str) -> list[tuple[str, str, list[Option]]]:
    cards: list[Option] = [
        (card.title, f"{card.id} · {card.cell}", reverse("card", args=[card.id]))
        for card in cards_called(text)
    ]
    phases = [(name, "", _query("board", phase=name)) for name in phases_called(text)]
    workers = [(name, "", _query("cards", owner=name)) for name in workers_called(text)]
    return [
        ("Cards", "square-kanban", cards),
        ("Phases", "columns-3", phases),
        ("Workers", "users", workers),
    ]


def _pages(request: HttpRequest) -> list[Option]:
    named = [(label, "", reverse(name)) for name, label, _ in PAGES]
    return [*named, ("New card", "", reverse("create"))] if may(request, ADD) else named


def _query(page: str, **chosen: Any) -> str:
    return f"{reverse(page)}?{urlencode(chosen)}"
