"""Proxies: which are believed, and where a request that came by one is from."""

from collections.abc import Callable, Iterable, Mapping
from ipaddress import ip_address
from typing import Any

from django.conf import settings
from django.http import HttpRequest

from fleet_backlog.networks import Network, among

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]

_HEADERS = (
    "HTTP_FORWARDED",
    *(f"HTTP_X_FORWARDED_{what}" for what in ("FOR", "HOST", "PORT", "PROTO")),
)
# Who comes by a socket without addresses, or by a proxy that hides them, is one client.
NOWHERE = "0.0.0.0"  # noqa: S104 (nothing listens there)


class FromProxies:
    """A WSGI application that sees forwarded headers of these proxies only."""

    def __init__(self, application: Application, proxies: list[Network]) -> None:
        self._application = application
        self._proxies = proxies

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not among(environ.get("REMOTE_ADDR", ""), self._proxies):
            for name in _HEADERS:
                environ.pop(name, None)
        return self._application(environ, start_response)


def address(request: HttpRequest) -> str:
    """The client's address: behind the proxy that HTTPS stands for, the one that it saw.

    Only the last hop is believed; what is before it was written by the client itself.
    """
    proxied = forwarded(request.META) if settings.HTTPS else ""
    return proxied or _parsed(request.META.get("REMOTE_ADDR", "")) or NOWHERE


def forwarded(meta: Mapping[str, Any]) -> str:
    """The address that the proxy saw; empty if there is none, or `FromProxies` dropped it."""
    return _parsed(meta.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2].strip())


def _parsed(hop: str) -> str:
    """The address in `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`; empty if it is none."""
    bare = hop[1:].partition("]")[0] if hop.startswith("[") else hop
    try:
        return str(ip_address(bare.partition(":")[0] if bare.count(":") == 1 else bare))
    except ValueError:
        return ""
