"""The API, and an answer in its own form to what it does not know."""

from functools import wraps
from typing import Any
from urllib.parse import quote

from django.contrib.auth.decorators import login_not_required
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.urls import path, re_path
from django.views.decorators.csrf import csrf_exempt

from remote.api.document import openapi
from remote.api.errors import NoSuchMethod, NoSuchVerb, refused
from remote.api.site import API
from remote.words import WORKER


def _of_api(view: Any) -> Any:
    """The view for whoever calls: without a login and the check of forms, for it asks for a token,
    which no form of another site carries; and with HEAD answered as GET is."""

    @csrf_exempt
    @login_not_required
    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        is_head = request.method == "HEAD"
        if is_head:
            request.method = "GET"
        response = _allowed(view(request, *args, **kwargs))
        if worker := request.META.get("backlog.worker"):
            response[WORKER] = quote(worker)
        if is_head:
            request.method = "HEAD"
            response = _without_body(response)
        return response

    return answer


def _allowed(response: HttpResponseBase) -> HttpResponseBase:
    """The answer; to a method that is none here, one in the API's own form."""
    if response.status_code != 405:
        return response
    methods = {each.strip() for each in response["Allow"].split(",")}
    allowed = ", ".join(sorted(methods | ({"HEAD"} if "GET" in methods else set())))
    said = refused(NoSuchMethod(f"{allowed} only"))
    said["Allow"] = allowed
    return said


def _without_body(response: HttpResponseBase) -> HttpResponseBase:
    """What is answered to HEAD: all that is said to a GET but the body, whose length is told where
    it is known."""
    if isinstance(response, StreamingHttpResponse):
        next(iter(response), None)  # what was never begun would not close its temporary file
        response.close()
        headers = dict(response.items())  # of no length: nobody knows it
        return StreamingHttpResponse((), headers=headers, status=response.status_code)
    assert isinstance(response, HttpResponse)  # noqa: S101 (what does not stream)
    if response.content:
        response["Content-Length"] = str(len(response.content))
        response.content = b""
    return response


@_of_api
def unknown(request: HttpRequest) -> HttpResponse:
    """404, and where the verbs are listed."""
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
