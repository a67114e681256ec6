"""Pages of what the fleet keeps in files, which may be broken."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from backlog.store.errors import ConfigurationError
from backlog.web.access import View


def where_it_can_be_read(what: str, verb: str) -> Callable[[View], View]:
    """Only staff are told which file is wrong, and why: it is the site's, not the asker's.

    `verb` says the same where the site runs.
    """

    def around(view: View) -> View:
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except ConfigurationError as error:
                why = str(error) if request.user.is_staff else None
                context = {"why": why, "what": what, "verb": verb}
                return render(request, "fleet/unreadable.html", context, status=503)

        return run

    return around
