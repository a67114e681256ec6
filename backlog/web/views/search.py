"""Search: cards by their words, the best first."""

from typing import Final
from urllib.parse import urlencode

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card
from backlog.verbs import search as verbs
from backlog.web.access import reads
from backlog.web.navigation import LONGEST_SEARCH
from backlog.web.queries.shown import states

PAGE: Final = 20


@reads
@require_safe
def search(request: HttpRequest) -> HttpResponse:
    """A page of the cards that have the words of the URL."""
    given = request.GET.get("q", "").strip()
    text = values.text(given[:LONGEST_SEARCH], "text")
    page = values.integer(request.GET.get("page") or "1", "page", 1, verbs.MOST_RANKED)
    found = verbs.search(Card.objects.session(), text, PAGE, page) if text else None
    context = {
        "text": text,
        "cut": len(given) > LONGEST_SEARCH,
        "found": found,
        "hits": states(found.hits) if found else [],
        "most": verbs.MOST_RANKED,
        "before": _page(text, page - 1) if page > 1 else None,
        "after": _page(text, page + 1) if found and found.total > page * PAGE else None,
    }
    return render(request, "backlog/search.html", context)


def _page(text: str, number: int) -> str:
    return f"?{urlencode({'q': text, 'page': number})}"
