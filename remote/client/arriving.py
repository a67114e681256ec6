"""An answer that has an end: what does not come whole in time is not waited for.

`http.client` passes over as many `100 Continue` as are sent, and reads as many lines behind the
last piece of a body; a time-out of the socket begins anew with each byte.
"""

import time
from http.client import HTTPException, HTTPResponse
from io import BufferedReader, RawIOBase
from socket import socket
from typing import Any, Final

# More than a head is ever given; whoever sends so much before one means harm.
_LONGEST_HEAD: Final = 2**20


class Answer(HTTPResponse):
    """Head and body together may take as long as the socket may be silent."""

    def __init__(self, sock: socket, *args: Any, **how: Any) -> None:
        super().__init__(sock, *args, **how)
        self._arriving = _Arriving(sock, self.fp.detach())
        self.fp = BufferedReader(self._arriving)

    def begin(self) -> None:
        super().begin()
        self._arriving.is_head = False

    def go_on(self) -> None:
        """From here on, once more: of what is read as it comes."""
        self._arriving.begin()


class _Arriving(RawIOBase):
    def __init__(self, sock: socket, raw: Any) -> None:
        self._sock, self._raw = sock, raw
        self._seconds = sock.gettimeout() or 0
        self._size = 0
        self.is_head = True
        self.begin()

    def begin(self) -> None:
        self._over = time.monotonic() + self._seconds

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._over - time.monotonic()
        if left <= 0:
            raise TimeoutError
        if self.is_head and self._size > _LONGEST_HEAD:
            raise HTTPException("the answer does not begin")
        self._sock.settimeout(left)
        size: int | None = self._raw.readinto(buffer)
        self._size += size or 0
        return size

    def close(self) -> None:
        self._raw.close()
        super().close()
