"""Where a webhook may go: what its URL must be, and which addresses may not be called.

A server that posts wherever it is told reaches what only it can reach: itself, its network, the
metadata of its cloud. So a name is resolved once, every address that it has is looked at, and the
connection goes to one of those.
"""

import re
import socket
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from backlog import switches
from backlog.errors import UsageError
from hooks.words import LONGEST_URL

PRIVATE: Final = "BACKLOG_WEBHOOKS_PRIVATE"

# IPv4 written as IPv6, which a gateway on the way may translate back.
_TRANSLATED: Final = IPv6Network("64:ff9b::/96")
_PORTS: Final = {"https": 443, "http": 80}


class Forbidden(OSError):
    """An address that is not to be called."""


class Target(NamedTuple):
    """What a URL names; `path` with its query."""

    tls: bool
    host: str
    port: int
    path: str


def private() -> bool:
    """Whether private addresses may be called, and without TLS. Raises `UsageError`."""
    return switches.is_on("BACKLOG_WEBHOOKS_PRIVATE")


def target(url: str) -> Target:
    """What is called by this URL. Raises `UsageError` for one that is not to be."""
    if len(url) > LONGEST_URL or not re.fullmatch(r"[!-~]+", url):
        raise UsageError(
            f"URL must be ASCII without blanks (xn--…, %20), up to {LONGEST_URL} characters"
        )
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise UsageError(f"URL cannot be read: {error}") from None
    if parts.scheme not in _PORTS or not parts.hostname or port == 0:
        raise UsageError("URL must be https://HOST/… or https://HOST:PORT/…")
    if parts.scheme == "http" and not private():
        raise UsageError(f"URL must be https://…, unless {PRIVATE}=on")
    if "@" in parts.netloc:
        raise UsageError("URL must have no user and no password: what is sent is signed")
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    tls = parts.scheme == "https"
    found = Target(tls, parts.hostname, port or _PORTS[parts.scheme], path)
    _refuse_literal(found.host)
    return found


def _refuse_literal(host: str) -> None:
    """An address that is private is refused at once; a name may be another's by tomorrow."""
    try:
        address = ip_address(host)
    except ValueError:
        return
    if not private() and not is_public(address):
        raise UsageError(f"{host} is no public address: {PRIVATE}=on allows it")


def shown(url: str) -> str:
    """The URL without what may be a secret: of a webhook the host, of a notification its kind."""
    scheme, _, rest = url.partition("://")
    if scheme not in _PORTS:
        return f"{scheme}://…"
    host, slash, path = rest.partition("/")
    return f"{scheme}://{re.split('[?#]', host)[0]}" + ("/…" if slash and path else "")


def resolved(found: Target) -> list[tuple[Any, Any]]:
    """The families and addresses of the host, all of them public if they must be.

    Raises `Forbidden` if one is not, `OSError` if the name has none.
    """
    rows = socket.getaddrinfo(found.host, found.port, type=socket.SOCK_STREAM)
    if not private():
        for *_, address in rows:
            refuse(str(address[0]))
    return [(family, address) for family, _, _, _, address in rows]


def refuse(address: str) -> None:
    """Raise `Forbidden` unless the address is a public one."""
    try:
        public = is_public(ip_address(address))
    except ValueError:  # with a zone: of this link
        public = False
    if not public:
        raise Forbidden(f"{address} is no public address ({PRIVATE}=on allows it)")


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Whether anybody on the internet may be there, however the address is written."""
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(inner)
        if address.is_site_local or address.scope_id:
            return False
    return address.is_global and not (address.is_multicast or address.is_reserved)
