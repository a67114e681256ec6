"""What every request has: the account as the actor of its changes, and refusals as pages."""

from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from backlog.errors import StoreUnavailable
from backlog.session import ACTOR, as_refusal

Handler = Callable[[HttpRequest], HttpResponse]


class ActorMiddleware:
    """Events of what a request changes name its account."""

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        if request.method in ("GET", "HEAD"):
            return self.get_response(request)
        token = ACTOR.set(request.user.get_username())
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
        context = {"message": str(refusal), "status": refusal.http_status}
        return render(None, "backlog/refusal.html", context, status=refusal.http_status)
