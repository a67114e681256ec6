"""Pages of what the fleet keeps in files, which may be broken."""

from collections.abc import Callable
from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from backlog.errors import ConfigurationError
from backlog.web.access import View, told


def where_it_can_be_read(what: str, verb: str) -> Callable[[View], View]:
    """What such a page says instead; `verb` says which file is wrong where the site runs."""

    def around(view: View) -> View:
        @wraps(view)
        def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            try:
                return view(request, *args, **kwargs)
            except ConfigurationError as error:
                why = told(request, error)
                context = {"why": why, "what": what, "verb": verb}
                return render(request, "fleet/unreadable.html", context, status=503)

        return run

    return around
