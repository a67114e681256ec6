"""The door, and what was typed before it fell shut.

A form that comes when the session is over, or with the token of an earlier one, is not carried out;
but what was typed into it is not lost either. The page that answers carries it along, through the
login if need be, and shows it in a form of its own: only who presses its button sends it again.
Nothing of it is kept here.
"""

import json
from typing import Any, Final
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.middleware import LoginRequiredMiddleware
from django.contrib.auth.views import LoginView, redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect, render, resolve_url
from django.urls import reverse
from django.utils.decorators import method_decorator
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.csrf import csrf_failure as stock_failure

from backlog.web.typed import PLUMBING, fields

Kept = dict[str, Any]

# The name of the field that carries it through the login.
_KEPT: Final = "kept"


def kept_from(request: HttpRequest) -> Kept | None:
    """Where a form was sent, and its fields; None if nobody typed or chose anything in it."""
    if request.path == resolve_url(settings.LOGIN_URL):
        return _carried(request)
    sent = fields(request)
    if all(name in PLUMBING or not value for name, value in sent):
        return None
    return {"path": request.get_full_path(), "fields": sent}


def _carried(request: HttpRequest) -> Kept | None:
    """What a login carries along, if it is what this page wrote there."""
    try:
        kept = json.loads(request.POST.get(_KEPT, ""))
        sent = [(str(name), str(value)) for name, value in kept["fields"]]
        path = str(kept["path"])
    except (KeyError, TypeError, ValueError, RecursionError):
        return None
    local = path.startswith("/") and url_has_allowed_host_and_scheme(path, allowed_hosts=None)
    return {"path": path, "fields": sent} if local else None


def ask_again(request: HttpRequest, kept: Kept, *, ours: bool, status: int = 200) -> HttpResponse:
    """The page with what was typed, and a button that sends it if it came from a page of `ours`."""
    typed = [(name, value) for name, value in kept["fields"] if value and name not in PLUMBING]
    context = {**kept, "typed": typed, "ours": ours}
    page = render(request, "registration/again.html", context, status=status)
    page["Cache-Control"] = "no-store"
    return page


def _ours(request: HttpRequest) -> bool:
    """Whether a page of this site sent the form: another's is shown, and never sent again."""
    own = f"{'https' if request.is_secure() else 'http'}://{request.get_host()}"
    return request.headers.get("Origin") in (own, *settings.CSRF_TRUSTED_ORIGINS)


@method_decorator(login_not_required, name="dispatch")
class Login(LoginView):
    """Django's, which goes on with what was typed before.

    Whoever posts to it got its token from a page of this site, or is stopped on the way.
    """

    redirect_authenticated_user = True

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        if request.user.is_authenticated and (kept := _carried(request)):
            return ask_again(request, kept, ours=True)
        return super().dispatch(request, *args, **kwargs)

    def get_redirect_url(self, request: HttpRequest | None = None) -> str:
        """Where the login leads: not back to itself, nor to what takes no visit."""
        wanted = super().get_redirect_url(request)
        return "" if urlsplit(wanted).path in (reverse("login"), reverse("logout")) else wanted

    def form_valid(self, form: Any) -> HttpResponse:
        if kept := _carried(self.request):
            login(self.request, form.get_user())
            return ask_again(self.request, kept, ours=True)
        return super().form_valid(form)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        kept = _carried(self.request)
        return {**super().get_context_data(**kwargs), "kept": kept and json.dumps(kept)}


class LoginRequired(LoginRequiredMiddleware):
    """Django's, but for a form: its answer is the login itself, with what was typed."""

    def handle_no_permission(self, request: HttpRequest, view_func: Any) -> Any:
        if request.method != "POST":
            return super().handle_no_permission(request, view_func)
        kept = kept_from(request)
        if kept is None:
            return redirect_to_login(resolve_url(settings.LOGIN_REDIRECT_URL))
        return _login_page(request, kept)


def _login_page(request: HttpRequest, kept: Kept) -> HttpResponse:
    context = {"form": Login.form_class(request), "kept": json.dumps(kept)}
    page = render(request, "registration/login.html", context, status=403)
    page["Cache-Control"] = "no-store"
    return page


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """A token of another session, of another store or of nobody: nothing is done, nothing lost."""
    kept = kept_from(request) if request.method == "POST" else None
    if kept is None:
        if request.path == resolve_url(settings.LOGIN_URL) and _ours(request):
            return redirect(request.get_full_path())  # an old page of the login: a new one
        return stock_failure(request, reason)
    if request.user.is_authenticated or not _ours(request):
        return ask_again(request, kept, ours=_ours(request), status=403)
    return _login_page(request, kept)
