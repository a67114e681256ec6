"""One card: everything on it, and the forms that make and change it."""

from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods, require_safe

from backlog.access import ADD, CHANGE, needs, reads


@reads
@require_safe
def card(request: HttpRequest, card_id: str) -> HttpResponse:
    """Everything about a card."""
    raise NotImplementedError


@needs(ADD)
@require_http_methods(["GET", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A form for a new card."""
    raise NotImplementedError


@needs(CHANGE)
@require_http_methods(["GET", "POST"])
def edit(request: HttpRequest, card_id: str) -> HttpResponse:
    """A form for a card's fields; a card changed meanwhile is not overwritten: 409."""
    raise NotImplementedError
