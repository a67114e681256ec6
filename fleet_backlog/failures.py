"""The page of an error that no view had a chance to answer."""

import sys

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views import defaults

from backlog.session import as_refusal


def server_error(request: HttpRequest) -> HttpResponse:
    """503 in plain words while the store is away (whose session is it?), else the page of a 500.

    Django calls this where the error is handled: it is the current one.
    """
    error = sys.exc_info()[1]
    refusal = as_refusal(error) if error else None
    if refusal is None:
        return defaults.server_error(request)
    # Without the context of a request: it may need the store.
    context = {"message": str(refusal), "status": refusal.http_status}
    page = render(None, "backlog/refusal.html", context, status=refusal.http_status)
    page["Cache-Control"] = "no-store"
    return page
