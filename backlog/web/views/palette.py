"""The palette: whatever has a name and a page, as a part of every page."""

from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card
from backlog.verbs.search import search
from backlog.web.access import ADD, may, reads
from backlog.web.navigation import LONGEST_SEARCH, listed
from backlog.web.queries.palette import phases_called, workers_called
from backlog.web.queries.shown import states

MOST_CARDS = 8

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
        address = f"{reverse('search')}?{urlencode({'q': text})}"
        groups.append(("Search", "search", [(f"Search the cards for “{text}”", "", address)]))
    response = render(request, "backlog/_found.html", {"groups": groups})
    response["Cache-Control"] = "no-store"
    return response


def _found(text: str) -> list[tuple[str, str, list[Option]]]:
    hits = search(Card.objects.session(), text, MOST_CARDS).hits
    cards = [
        (hit.title, f"{hit.id} · {state}", reverse("card", args=[hit.id]))
        for hit, state in states(hits)
    ]
    phases = [(name, "", reverse("phase", args=[name])) for name in phases_called(text)]
    workers = [(name, "", reverse("worker", args=[name])) for name in workers_called(text)]
    return [
        ("Cards", "square-kanban", cards),
        ("Phases", "columns-3", phases),
        ("Workers", "users", workers),
    ]


def _pages(request: HttpRequest) -> list[Option]:
    named = [(label, "", reverse(name)) for name, label, _ in listed()]
    adding = [("New card", "", reverse("create")), ("Plan", "", reverse("plan"))]
    return named + adding if may(request, ADD) else named
