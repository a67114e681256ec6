"""Who may see and do what: the groups `viewer`, `operator` and `staff`, and the views they open.

A view is wrapped in `reads`, or in `needs` a permission; one of the two, or it is open to every
account (the login middleware stands in front of all of them). One that changes something `acts`,
too: what it does is asked about by the name that the command has for it.
"""

from collections.abc import Callable
from functools import wraps
from typing import Any, Final

from django.conf import settings
from django.contrib.auth.decorators import login_not_required, permission_required
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse

from backlog.errors import ConfigurationError, Refusal
from backlog.models import Card
from backlog.session import ACTOR
from backlog.verbs.rights import Deed, allowed

VIEW: Final = "backlog.view_card"
ADD: Final = "backlog.add_card"
CHANGE: Final = "backlog.change_card"
DELETE: Final = "backlog.delete_card"
ADMINISTER: Final = "backlog.administer"

View = Callable[..., HttpResponse]  # a function that answers a request


def reads(view: View) -> View:
    """For accounts that may view cards, and for everybody if BACKLOG_PUBLIC_BOARD says so."""

    @login_not_required
    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if not settings.BACKLOG_PUBLIC_BOARD:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not may(request, VIEW):
                raise PermissionDenied(VIEW)
        return view(request, *args, **kwargs)

    return run


def needs(permission: str) -> Callable[[View], View]:
    """For accounts with this permission; others are refused, not sent to log in again."""
    return permission_required(permission, raise_exception=True)


def acts(verb: str) -> Callable[[View], View]:
    """For what is sent only by whoever may do this verb of the command, where rights are enforced.

    Raises `NotAllowed`.
    """

    def asking(view: View) -> View:
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            if request.method == "POST":
                with allowed(Card.objects.session(), by_account(verb)):
                    pass
            return view(request, *args, **kwargs)

        return run

    return asking


def by_account(verb: str, *cards: str) -> Deed:
    """What the account that sent this request is about to do to the cards."""
    return Deed(verb, ACTOR.get(), cards, of_account=True)


def told(request: HttpRequest, refusal: Refusal) -> str:
    """What is said of a refusal. Only staff are told which file of the site is wrong, and why."""
    if isinstance(refusal, ConfigurationError) and not request.user.is_staff:
        return "a file of the site is not as it must be: whoever runs it can see which"
    return str(refusal)


def may(request: HttpRequest, permission: str) -> bool:
    """Whether this account has the permission."""
    return request.user.is_authenticated and request.user.has_perm(permission)
