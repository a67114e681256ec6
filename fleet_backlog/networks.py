"""Addresses and networks, as the environment names them."""

from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from backlog.errors import ConfigurationError

Network = IPv4Network | IPv6Network


def networks(given: str, variable: str) -> list[Network]:
    """Addresses and networks, comma-separated; `*` is everybody. Raises `ConfigurationError`."""
    words = [word.strip() for word in given.replace("*", "0.0.0.0/0,::/0").split(",")]
    try:
        return [ip_network(word) for word in words if word]
    except ValueError as error:
        raise ConfigurationError(f"{variable} must hold addresses or networks: {error}") from None


def among(address: str, allowed: Iterable[Network]) -> bool:
    """Whether the address is of one of these; what is no address is of none."""
    try:
        found = ip_address(address)
    except ValueError:
        return False
    # A socket that takes both families shows IPv4 as ::ffff:127.0.0.1.
    found = getattr(found, "ipv4_mapped", None) or found
    return any(found in network for network in allowed)
