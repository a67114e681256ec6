"""A request to a webhook, signed as Standard Webhooks has it; within a time, and to no other place.

Made with the standard library: no well-kept client connects to an address that it is given, and
checks the certificate against the name nevertheless.
"""

import base64
import hmac
import http.client
import secrets
import socket
import ssl
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from threading import Timer
from typing import Any, Final, NamedTuple

import backlog
from hooks import addresses
from hooks.addresses import Target

# From looking up the name to the last byte of the answer.
SECONDS: Final = 10.0
# The most bytes of an answer that are read, and thrown away.
_MOST_READ: Final = 2**16
_PREFIX: Final = "whsec_"


class Answer(NamedTuple):
    """What came of it: the HTTP status, if there was any; what was wrong, None: it has arrived."""

    status: int | None
    error: str | None


def new_secret() -> str:
    """A new key to sign with, as Standard Webhooks writes one."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()


def headers(secrets: Sequence[str], key: str, moment: float, body: bytes) -> dict[str, str]:
    """The headers of a message with this id (`key`) that is sent at this moment, in seconds since
    1970: signed by each of the secrets, one of which the receiver knows."""
    stamp = str(int(moment))
    signed = b".".join([key.encode(), stamp.encode(), body])
    made = [
        hmac.digest(base64.b64decode(each.removeprefix(_PREFIX)), signed, "sha256")
        for each in secrets
    ]
    return {
        "Content-Type": "application/json",
        "User-Agent": f"fleet-backlog/{backlog.__version__}",
        "webhook-id": key,
        "webhook-timestamp": stamp,
        "webhook-signature": " ".join(f"v1,{base64.b64encode(each).decode()}" for each in made),
    }


def post(found: Target, body: bytes, head: dict[str, str]) -> Answer:
    """Send it; what came of it. Only the status of an answer counts; no redirect is followed."""
    connection = _Connection(found, time.monotonic() + SECONDS)
    try:
        with closing(connection):
            connection.request("POST", found.path, body, {**head, "Connection": "close"})
            answer = connection.getresponse()
            with suppress(OSError, http.client.HTTPException):
                answer.read(_MOST_READ)
    except (OSError, http.client.HTTPException) as error:
        return Answer(None, connection.why(error))
    finally:
        connection.done()
    status = answer.status
    return Answer(status, None if 200 <= status < 300 else f"HTTP status {status}")


class _Connection(http.client.HTTPConnection):
    """To an address that was looked at, whatever the name means by the next moment.

    The socket is shut down at the deadline: a server that sends a byte now and then is cut off.
    """

    def __init__(self, found: Target, deadline: float) -> None:
        super().__init__(found.host, found.port)
        self.default_port = 443 if found.tls else 80  # left out of the header Host
        self._found, self._deadline = found, deadline
        self._timer: Timer | None = None

    def connect(self) -> None:
        self.sock = self._connected()
        if self._found.tls:
            context = ssl.create_default_context()
            self.sock = context.wrap_socket(
                self.sock, server_hostname=self.host, do_handshake_on_connect=False
            )
        self._timer = Timer(self._left(), _cut, [self.sock])
        self._timer.daemon = True
        self._timer.start()
        if isinstance(self.sock, ssl.SSLSocket):
            self.sock.do_handshake()

    def done(self) -> None:
        """Nothing is waited for any more."""
        if self._timer is not None:
            self._timer.cancel()

    def why(self, error: Exception) -> str:
        """What was wrong, in words."""
        if time.monotonic() >= self._deadline:
            return f"no answer within {SECONDS:.0f} seconds"
        # Without the number, which is the system's.
        return getattr(error, "strerror", None) or str(error) or type(error).__name__

    def _connected(self) -> socket.socket:
        """To the first of the addresses that answers."""
        failed: OSError = OSError("the name has no address")
        for family, address in addresses.resolved(self._found):
            made = socket.socket(family, socket.SOCK_STREAM)
            try:
                made.settimeout(self._left())
                made.connect(address)
            except OSError as error:
                made.close()
                failed = error
            else:
                return made
        raise failed

    def _left(self) -> float:
        left = self._deadline - time.monotonic()
        if left <= 0:  # to look up the name took as long
            raise TimeoutError
        return left


def _cut(sock: Any) -> None:
    with suppress(OSError):  # it is over
        socket.socket.shutdown(sock, socket.SHUT_RDWR)
