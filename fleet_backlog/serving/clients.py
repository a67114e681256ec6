"""Where a request comes from."""

from ipaddress import ip_address

from django.conf import settings
from django.http import HttpRequest

# Who comes by a socket without addresses, or by a proxy that hides them, is one client.
NOWHERE = "0.0.0.0"  # noqa: S104 (nothing listens there)


def address(request: HttpRequest) -> str:
    """The client's address: behind the proxy that HTTPS stands for, the one that it saw.

    Only the last hop is believed; what is before it was written by the client itself.
    """
    seen = request.META.get("HTTP_X_FORWARDED_FOR", "").rpartition(",")[2]
    hops = [seen] if settings.HTTPS else []
    for hop in (*hops, request.META.get("REMOTE_ADDR", "")):
        found = _parsed(hop.strip())
        if found:
            return found
    return NOWHERE


def _parsed(hop: str) -> str:
    """The address in `1.2.3.4`, `1.2.3.4:567`, `::1` or `[::1]:567`; empty if it is none."""
    bare = hop[1:].partition("]")[0] if hop.startswith("[") else hop
    try:
        return str(ip_address(bare.partition(":")[0] if bare.count(":") == 1 else bare))
    except ValueError:
        return ""
