"""Where the server is, by BACKLOG_URL, and the way there: TLS, proxies."""

import os
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPSConnection
from ipaddress import ip_address
from typing import Final, NamedTuple, Self
from urllib.parse import SplitResult, urlsplit

from backlog import switches
from backlog.errors import UsageError
from remote.client.arriving import Answer

_EXAMPLE: Final = "https://backlog.example.org"


class Way(NamedTuple):
    """A connection, which opens when it is first used; how the path of each request on it begins;
    and the headers that each has to carry, for a proxy."""

    connection: HTTPConnection
    path: str
    headers: dict[str, str]


class Address(NamedTuple):
    """A server of the backlog: its URL without a slash at the end, and the token of who calls."""

    url: str
    token: str

    @classmethod
    def of(cls, environ: Mapping[str, str] = os.environ) -> Self:
        """The one that the environment names. Raises `UsageError`, which never shows the token."""
        url = site(environ)
        token = environ.get("BACKLOG_TOKEN", "").strip()
        if not token:
            raise UsageError(
                f"BACKLOG_TOKEN must be set, for {url} asks who calls:"
                " `backlog token create` makes one where the database is"
            )
        if not (token.isascii() and token.isprintable()) or " " in token:
            raise UsageError("BACKLOG_TOKEN must be a token as `backlog token create` printed it")
        _refuse_plain(url, environ)
        return cls(url, token)

    def way(self, timeout: float) -> Way:
        """A connection to it, through a proxy if the environment names one; nothing on it takes
        longer than `timeout` seconds. Raises `UsageError` about the proxy's address."""
        to = _parts(self.url)
        host, path = to.hostname or "", f"{to.path}/api/v1/"
        proxy = _proxy(to.scheme, host)
        first = proxy or to
        kind = HTTPSConnection if to.scheme == "https" else HTTPConnection
        connection = kind(first.hostname or "", first.port, timeout=timeout)
        connection.response_class = Answer
        if proxy is None:
            return Way(connection, path, {})
        if to.scheme == "https":
            connection.set_tunnel(host, to.port, _of_proxy(proxy))
            return Way(connection, path, {})
        return Way(connection, f"http://{to.netloc}{path}", _of_proxy(proxy))


def site(environ: Mapping[str, str] = os.environ) -> str:
    """The URL of the site that the environment names, without a slash at the end. Raises
    `UsageError`."""
    url = environ.get("BACKLOG_URL", "").strip().rstrip("/")
    _parts(url)
    if url.endswith("/api/v1"):
        raise UsageError("BACKLOG_URL must be the address of the site, without /api/v1")
    return url


def _refuse_plain(url: str, environ: Mapping[str, str]) -> None:
    """Raise `UsageError` for http:// to another host, where anybody on the way reads the token;
    unless the environment allows it."""
    parts = urlsplit(url)
    is_plain = parts.scheme == "http" and not _is_this_host(parts.hostname or "")
    if is_plain and not switches.is_on("BACKLOG_PLAIN_HTTP", environ):
        raise UsageError(
            f"BACKLOG_URL must be https://…, or the token goes unencrypted to {parts.hostname}:"
            " BACKLOG_PLAIN_HTTP=on allows it, within a tunnel or a network of your own"
        )


def _is_this_host(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name, of whatever host
        return False


def _parts(url: str) -> SplitResult:
    """What BACKLOG_URL is made of. Raises `UsageError`, which does not repeat it: it may hold a
    password."""
    try:
        parts = urlsplit(url)
        is_right = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:  # of a port, or of brackets
        is_right = False
    if not is_right or not (url.isascii() and url.isprintable()) or " " in url:
        raise UsageError(f"BACKLOG_URL must be an address such as {_EXAMPLE}")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise UsageError(
            f"BACKLOG_URL must be an address alone, such as {_EXAMPLE}:"
            " a token goes into BACKLOG_TOKEN"
        )
    return parts


def _proxy(scheme: str, host: str) -> SplitResult | None:
    """The one that HTTP_PROXY, HTTPS_PROXY and NO_PROXY name, or the same in small letters. Raises
    `UsageError`."""
    if not any(name.lower() == f"{scheme}_proxy" for name in os.environ):
        return None
    from urllib.request import getproxies_environment, proxy_bypass

    named = getproxies_environment().get(scheme)
    if not named or proxy_bypass(host):
        return None
    try:
        proxy = urlsplit(named if "://" in named else f"http://{named}")
        is_right = proxy.scheme == "http" and proxy.hostname and proxy.port != 0
    except ValueError:
        is_right = False
    if not is_right:
        raise UsageError(f"{scheme.upper()}_PROXY must be an address such as http://proxy:3128")
    # A proxy elsewhere is not asked to reach this host.
    return proxy if _is_this_host(proxy.hostname or "") or not _is_this_host(host) else None


def _of_proxy(proxy: SplitResult) -> dict[str, str]:
    """How the proxy is told who asks it."""
    if proxy.username is None:
        return {}
    from base64 import b64encode
    from urllib.parse import unquote

    who = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
    return {"Proxy-Authorization": f"Basic {b64encode(who.encode()).decode()}"}
