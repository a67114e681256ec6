"""The API, and an answer in its own form to what it does not know."""

from functools import wraps
from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from remote.api.document import openapi
from remote.api.errors import NoSuchMethod, NoSuchVerb, refused
from remote.api.site import API


def _of_api(view: Any) -> Any:
    """The view, which asks for a token of its own: a form of another site carries none."""

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        response = view(request, *args, **kwargs)
        if response.status_code != 405:
            return response
        said = refused(NoSuchMethod(f"{response['Allow']} only"))
        said["Allow"] = response["Allow"]
        return said

    return answer


@_of_api
def unknown(request: HttpRequest) -> HttpResponse:
    """404, and where all that is there is told."""
    return refused(NoSuchVerb("there is no such verb; /api/v1/openapi.json has those there are"))


patterns, _, _ = API.urls
for each in patterns:
    is_root = getattr(each, "name", None) == "api-root"
    each.callback = unknown if is_root else _of_api(each.callback)

urlpatterns = [
    path("api/v1/openapi.json", _of_api(openapi), name="openapi"),
    path("api/v1/", (patterns, "api", "api")),
    re_path(r"^api(?:/.*)?$", unknown, name="unknown_verb"),
]
