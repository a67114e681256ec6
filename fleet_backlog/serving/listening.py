"""The socket that `serve` listens on, opened before anything else is done."""

import errno
import re
import socket

_ADDRESS = re.compile(r"(?P<host>\[[^\]]+\]|[^:\[\]/\s]+):(?P<port>[0-9]{1,5})")

_ADVICE = {
    errno.EADDRINUSE: "something listens there already",
    errno.EACCES: "not permitted; a port below 1024 is for a proxy in front",
    errno.EADDRNOTAVAIL: "this machine has no such address",
}


class CannotListen(Exception):
    """One line that says why, and names the address."""


def listen(bind: str) -> socket.socket:
    """A bound TCP socket for `address:port`; port 0 is any free one. Raises `CannotListen`."""
    found = _ADDRESS.fullmatch(bind)
    if found is None or int(found["port"]) > 65535:
        raise CannotListen(f"--bind must be address:port, as 127.0.0.1:8000 or [::1]:8000: {bind}")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            found["host"].strip("[]"), int(found["port"]), type=socket.SOCK_STREAM
        )[0]
        opened = socket.socket(family, kind, proto)
    except (OSError, UnicodeError):
        raise CannotListen(f"cannot listen on {bind}: no such address") from None
    try:
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind(address)
        opened.listen()  # Linux lets two sockets bind one port until one of them listens
    except OSError as error:
        opened.close()
        reason = _ADVICE.get(error.errno or 0, error.strerror)
        raise CannotListen(f"cannot listen on {bind}: {reason}") from None
    return opened


def shown(opened: socket.socket) -> str:
    """`address:port` as a URL has it."""
    host, port, *_ = opened.getsockname()
    return f"[{host}]:{port}" if opened.family == socket.AF_INET6 else f"{host}:{port}"
