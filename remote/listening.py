"""A socket that listens, or a sentence that says why it cannot."""

import errno
import re
import socket
from typing import Final

from backlog.errors import Refusal

_ADDRESS: Final = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]/\s]+):(?P<port>[0-9]{1,5})")


def listen(bind: str, option: str = "--bind") -> socket.socket:
    """A bound TCP socket for `address:port`; port 0 is any free one. Raises `Refusal`.

    `option`: where the address was given, for whoever gave it.
    """
    found = _ADDRESS.fullmatch(bind)
    if found is None or int(found["port"]) > 65535:
        raise Refusal(f"{option} must be address:port, as 127.0.0.1:8000 or [::1]:8000: {bind}")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            found["host"].strip("[]"), int(found["port"]), type=socket.SOCK_STREAM
        )[0]
        opened = socket.socket(family, kind, proto)
    except (OSError, UnicodeError):
        raise Refusal(f"cannot listen on {bind}: no such address") from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()  # Linux lets two sockets bind one port until one of them listens
    except OSError as error:
        opened.close()
        advice = {
            errno.EADDRINUSE: f"something listens there already; {option} takes another address",
            errno.EACCES: "not permitted; a port below 1024 is for a proxy in front",
            errno.EADDRNOTAVAIL: "this machine has no such address",
        }
        reason = advice.get(error.errno or 0, error.strerror)
        raise Refusal(f"cannot listen on {bind}: {reason}") from None
    return opened


def address_of(opened: socket.socket) -> str:
    """`address:port` as a URL has it."""
    host, port, *_ = opened.getsockname()
    return f"[{host}]:{port}" if opened.family == socket.AF_INET6 else f"{host}:{port}"
