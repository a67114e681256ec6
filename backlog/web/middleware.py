"""What requests have in common: unchanged polls, short addresses, the account as the actor,
refusals as pages."""

from collections.abc import Callable
from datetime import datetime
from typing import Final, NamedTuple

from django.conf import settings
from django.contrib.sessions.models import Session
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from backlog.errors import ConfigurationError, StoreUnavailable
from backlog.models import Card
from backlog.session import ACTOR, as_refusal
from backlog.values import actor
from backlog.web.access import told
from backlog.web.live import SECONDS_OLD, VERSION, Recent, Snapshot, snapshot
from backlog.web.navigation import reachable, way_back
from backlog.web.typed import typed

Handler = Callable[[HttpRequest], HttpResponse]

# Open pages that a process remembers, about a kilobyte each.
_POLLS: Final = 4096


class _Unchanged(NamedTuple):
    """An answer that nothing has changed: the snapshot, and until when the session lasts."""

    snapshot: Snapshot
    until: datetime | None
    headers: dict[str, str]

    def holds(self, later: Snapshot) -> bool:
        return self.snapshot.holds(later) and (self.until is None or timezone.now() < self.until)


class UnchangedPollMiddleware:
    """Answers the poll of an open page for one query while nothing was committed.

    Who asks and what they may see are rows like the cards. If the same request was once let
    through and told that nothing has changed, and the database is the one it was before that, a
    second time would end in the same answer. Only a session runs out without a write, as a lease
    does. So this stands in front of the session; what stands in front of it runs as ever.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response
        self._recent: Recent[tuple[object, ...], _Unchanged] = Recent(_POLLS)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        version = request.headers.get(VERSION)
        if request.method != "GET" or (version is None and request.path != reverse("live")):
            return self.get_response(request)
        cookie = request.COOKIES.get(settings.SESSION_COOKIE_NAME)
        key = (
            cookie,
            version,
            request.get_full_path(),
            request.META.get("HTTP_HOST"),
            settings.BACKLOG_PUBLIC_BOARD,
        )
        current = snapshot(Card.objects.session())  # before the session and the account are read
        kept = self._recent.get(key)
        if kept and kept.holds(current):
            return HttpResponse(status=204, headers=kept.headers)
        response = self.get_response(request)
        # What a copy of the database says may be behind the snapshot, and is not remembered by it.
        told = response.status_code == 204 and SECONDS_OLD not in response
        if told and not response.cookies:
            until = Session.objects.filter(pk=cookie).values_list("expire_date", flat=True).first()
            self._recent.keep(key, _Unchanged(current, until, dict(response.headers)))
        return response


class ReachableMiddleware:
    """No redirect leads to an address that is too long to be asked for, whoever redirects."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        if "Location" in response:
            response["Location"] = reachable(response["Location"])
        return response


class ActorMiddleware:
    """Events of what a request changes name its account."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return self.get_response(request)
        token = ACTOR.set(actor(request.user.get_username()))
        try:
            return self.get_response(request)
        finally:
            ACTOR.reset(token)


class RefusalMiddleware:
    """What the domain refuses is a page in plain words."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.get_response(request)

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        refusal = as_refusal(error)
        # A store that is away is the error handler's: its reason names the database's address.
        if refusal is None or isinstance(refusal, StoreUnavailable):
            return None
        # Without the context of a request: it may need the store.
        status = 503 if isinstance(refusal, ConfigurationError) else refusal.http_status
        context = {
            "message": told(request, refusal),
            "status": status,
            "typed": typed(request),
            "back": way_back(request),
        }
        return render(None, "backlog/refusal.html", context, status=status)
