"""Where a request comes from."""

from django.conf import settings
from django.http import HttpRequest


def address(request: HttpRequest) -> str:
    """The client's address: behind the proxy that HTTPS stands for, the one that it saw.

    Only the last hop is believed; what is before it was written by the client itself.
    """
    seen = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip()
    return str(seen if settings.HTTPS and seen else request.META.get("REMOTE_ADDR", ""))
