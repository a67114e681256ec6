"""The API, and an answer in its own form to what it does not know."""

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from remote.api.errors import NoSuchVerb, refused
from remote.api.site import API

patterns, _, _ = API.urls
for each in patterns:
    # Its own token is asked for, and a form of another site carries none.
    each.callback = login_not_required(each.callback)  # type: ignore[type-var]  # each has one


@csrf_exempt
@login_not_required
def unknown(request: HttpRequest) -> HttpResponse:
    """404, and where all that is there is told."""
    return refused(NoSuchVerb("there is no such verb; /api/v1/openapi.json has those there are"))


urlpatterns = [
    path("api/v1/", (patterns, "api", "api")),
    re_path(r"^api/.*", unknown, name="unknown_verb"),
]
