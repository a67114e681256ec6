"""The roles of the fleet as pages."""

from functools import wraps
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog.errors import NotFound
from backlog.models import Card
from backlog.store.errors import ConfigurationError
from backlog.web.access import View, reads
from backlog.web.markup import Room, markdown
from fleet import roles as library
from fleet.verbs import workers


def _where_they_can_be_read(view: View) -> View:
    """Only staff are told which file is no role, and why: it is the site's, not the asker's."""

    @wraps(view)
    def run(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        try:
            return view(request, *args, **kwargs)
        except ConfigurationError as error:
            context = {"why": str(error) if request.user.is_staff else None}
            return render(request, "fleet/unreadable.html", context, status=503)

    return run


@reads
@require_safe
@_where_they_can_be_read
def roles(request: HttpRequest) -> HttpResponse:
    """Every role, and what it is for."""
    found = library.roles()
    kinds = [(kind, [each for each in found if each.kind == kind]) for kind in library.KINDS]
    return render(request, "fleet/roles.html", {"kinds": kinds, "directory": library.DIRECTORY})


@reads
@require_safe
@_where_they_can_be_read
def role(request: HttpRequest, name: str) -> HttpResponse:
    """The contract of one role."""
    try:
        found = library.role(name)
    except NotFound:
        return render(request, "fleet/no_role.html", {"name": name}, status=404)
    registered = workers.workers(Card.objects.session())
    context = {
        "role": found,
        "contract": markdown(found.contract, Room()),
        "workers": [each for each in registered if found.name in each.roles],
    }
    return render(request, "fleet/role.html", context)
