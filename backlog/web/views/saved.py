"""Saved views: a name for an address of the board or the list, of one account and for it alone."""

from typing import Any, Final

from django.contrib import messages
from django.contrib.auth import get_user_model
from django.db import transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.views.decorators.http import require_POST

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_VIEW, LONGEST_VIEW_NAME, VIEWED_PAGES
from backlog.models import SavedView
from backlog.web.access import VIEW, may, needs
from backlog.web.choice import Choice
from backlog.web.navigation import way_back
from backlog.web.queries.listing import CLAIMS, sorted_by

# As many has an account.
MOST: Final = 30


def of_account(request: HttpRequest, choice: Choice) -> dict[str, Any]:
    """For a page that can be saved: `views`, each with whether it is the page as shown, and the
    `query` that saves it. Nothing for who has no account."""
    if not may(request, VIEW):
        return {}
    query = _query(choice.parameters)
    here = (request.resolver_match.url_name, query) if request.resolver_match else None
    views = [(view, (view.page, view.query) == here) for view in _views(request)]
    return {"views": views, "query": query, "longest_view": LONGEST_VIEW_NAME}


@needs(VIEW)
@require_POST
def save(request: HttpRequest) -> HttpResponse:
    """Give the `query` of a `page` a name; one that has this name already is of it from now on."""
    name = values.text(values.name(request.POST.get("name", "")), "name", LONGEST_VIEW_NAME)
    page = values.one_of(request.POST.get("page", ""), "page", VIEWED_PAGES)
    shown = QueryDict(request.POST.get("query", ""))
    query = values.text(_query(shown), "view", LONGEST_VIEW)
    # What its page would refuse is refused here, in the same words.
    Choice.read(shown)
    if page == "cards":
        sorted_by(shown.get("sort") or CLAIMS)
    with transaction.atomic():
        # One after the other, or two at once could be one too many.
        accounts = get_user_model().objects.filter(pk=request.user.pk or 0)
        accounts.select_for_update(no_key=True).get()
        if _views(request).exclude(name=name).count() >= MOST:
            raise UsageError(f"there are {MOST} saved views already: remove one first")
        _views(request).update_or_create(
            account=request.user, name=name, defaults={"page": page, "query": query}
        )
    messages.success(request, f"Saved the view {name}.")
    return redirect(way_back(request))


@needs(VIEW)
@require_POST
def remove(request: HttpRequest) -> HttpResponse:
    """Forget the name; what it showed stays where it is."""
    name = values.text(request.POST.get("name", ""), "name")
    if _views(request).filter(name=name).delete()[0]:
        messages.success(request, f"Removed the view {name}.")
    else:
        messages.warning(request, "There is no such view any more.")
    return redirect(way_back(request))


def _views(request: HttpRequest) -> Any:
    return SavedView.objects.filter(account=request.user.pk)


def _query(given: QueryDict) -> str:
    """Without the page, and what scripts add."""
    kept = given.copy()
    for name in ("page", "v", "key"):
        kept.pop(name, None)
    return kept.urlencode()
