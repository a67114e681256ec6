"""What no view answers: the page of an error, and a header that Django does not set by itself."""

import sys
from collections.abc import Callable
from typing import Final

from django.core.exceptions import BadRequest
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import render
from django.views import defaults

from backlog.session import as_refusal
from backlog.web.typed import typed

# Of what a page can ask a browser for, the pages need nothing.
NOTHING: Final = "camera=(), display-capture=(), geolocation=(), microphone=(), payment=(), usb=()"


class PermissionsPolicyMiddleware:
    """Whatever runs in a page by mistake reaches no camera, microphone or place."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response["Permissions-Policy"] = NOTHING
        return response


def server_error(request: HttpRequest) -> HttpResponse:
    """503 in plain words while the store is away (whose session is it?), 400 for a form that cannot
    be read, else the page of a 500.

    Django calls this where the error is handled: it is the current one.
    """
    error = sys.exc_info()[1]
    if isinstance(error, BadRequest):  # Django's pages of errors look for a token in that form
        return HttpResponseBadRequest("<!doctype html><title>Bad Request (400)</title>\n")
    refusal = as_refusal(error) if error else None
    if refusal is None or refusal.http_status != 503:
        return defaults.server_error(request)
    # Without the context of a request: it may need the store. Without the reason, which names the
    # database's address: who asks is not known. The log has it.
    message = "The store cannot be reached. It may be starting again: try once more in a moment."
    context = {"message": message, "status": refusal.http_status, "typed": typed(request)}
    page = render(None, "backlog/refusal.html", context, status=refusal.http_status)
    page["Cache-Control"] = "no-store"
    return page
