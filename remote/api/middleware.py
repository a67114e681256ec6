"""Calls of the API are answered before anything is looked at that does not count for them."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest
from django.http.response import HttpResponse, HttpResponseBase
from django.urls import resolve

ROOT: Final = "/api/"

Handler = Callable[[HttpRequest], HttpResponseBase]


class CallMiddleware:
    """Answers calls before the middleware of pages: a call has a token, and no session, account,
    form or message. That middleware took a fifth of a call's time.

    What stands in front of this one runs for calls, too: HTTPS, headers, figures. A GET goes on
    through all of it, for the last one may have it read from a replica.
    """

    def __init__(self, get_response: Handler) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        if request.method != "POST" or not request.path_info.startswith(ROOT):
            return self.get_response(request)
        request.get_host()  # raises, for another's name
        match = request.resolver_match = resolve(request.path_info)
        response: HttpResponseBase = match.func(request, *match.args, **match.kwargs)
        if isinstance(response, HttpResponse):  # what is streamed has no length yet
            response.headers.setdefault("Content-Length", str(len(response.content)))
        return response
