"""Headers that only a proxy may write: from anybody else they are dropped."""

from collections.abc import Callable, Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Any

from backlog.store.storage import ConfigurationError

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
Network = IPv4Network | IPv6Network

_HEADERS = (
    "HTTP_FORWARDED",
    "HTTP_X_FORWARDED_FOR",
    "HTTP_X_FORWARDED_HOST",
    "HTTP_X_FORWARDED_PORT",
    "HTTP_X_FORWARDED_PROTO",
)


def networks(given: str) -> list[Network]:
    """Addresses and networks, comma-separated; `*` is everybody. Raises `ConfigurationError`."""
    words = [word.strip() for word in given.replace("*", "0.0.0.0/0,::/0").split(",")]
    try:
        return [ip_network(word) for word in words if word]
    except ValueError as error:
        raise ConfigurationError(
            f"FORWARDED_ALLOW_IPS must hold addresses or networks: {error}"
        ) from None


class FromProxies:
    """A WSGI application that sees forwarded headers of these proxies only."""

    def __init__(self, application: Application, proxies: list[Network]) -> None:
        self._application = application
        self._proxies = proxies

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        if not self._trusts(environ.get("REMOTE_ADDR", "")):
            for name in _HEADERS:
                environ.pop(name, None)
        return self._application(environ, start_response)

    def _trusts(self, peer: str) -> bool:
        try:
            address = ip_address(peer)
        except ValueError:
            return False
        # A socket that takes both families shows IPv4 as ::ffff:127.0.0.1.
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._proxies)
