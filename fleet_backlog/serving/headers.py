"""A header that Django does not set by itself."""

from collections.abc import Callable
from typing import Final

from django.http import HttpRequest, HttpResponse

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
