"""The roles of the fleet as pages."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog.errors import NotFound
from backlog.models import Card
from backlog.web.access import reads
from backlog.web.markup import Room, markdown
from fleet import roles as library
from fleet.pages.readable import where_it_can_be_read
from fleet.verbs import workers

_readable = where_it_can_be_read("roles", "roles")


@reads
@require_safe
@_readable
def roles(request: HttpRequest) -> HttpResponse:
    """Every role, and what it is for."""
    found = library.roles()
    kinds = [(kind, [each for each in found if each.kind == kind]) for kind in library.KINDS]
    return render(request, "fleet/roles.html", {"kinds": kinds, "directory": library.DIRECTORY})


@reads
@require_safe
@_readable
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
