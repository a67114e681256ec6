"""Requests that come slowly: gathered by the main loop, so that no thread waits for a client.

A thread is given a request when all of it is here. What does not come whole in time, or where
there is no room for more, is let go: the oldest first. `/healthz` has a thread of its own, so it
is answered while every other one is at work or writes to a client that does not read.
"""

import errno
import json
import re
import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from selectors import EVENT_READ
from typing import Any, Final

from django.conf import settings
from gunicorn.http import get_parser
from gunicorn.http.body import LengthReader
from gunicorn.workers.gthread import TConn, ThreadWorker

# Head and body together. A large description over a bad line takes less.
ARRIVE_SECONDS: Final = 30.0
# One answer, or one piece of an export. Less than a proxy's patience with us.
WRITE_SECONDS: Final = 30.0
# Of one process: connections that nobody works for, and what has come by them.
IDLE_CONNECTIONS: Final = 400
GATHERED_BYTES: Final = 64 * 2**20

_END: Final = b"\r\n\r\n"
_LONGEST_HEAD: Final = 128 * 1024  # more than gunicorn takes
_HAS_BODY: Final = re.compile(rb"\r\n(?:content-length|transfer-encoding|expect)[ \t]*:", re.I)
_LAST_CHUNK: Final = b"0\r\n\r\n"
# How a client begins that was told https: it need not wait to see that nobody here speaks it.
_TLS: Final = b"\x16\x03"
_TOO_LONG: Final = json.dumps(
    {"error": {"code": "too_large", "message": "the body is too large: 10 MiB are the most"}}
).encode()
_BELOW: Final = re.escape((settings.FORCE_SCRIPT_NAME or "").encode())
_ALIVE: Final = re.compile(rb"(?:GET|HEAD) %b/healthz[ ?]" % _BELOW)


class _Socket(socket.socket):
    """Where gunicorn would wait for ever, this waits for so long."""

    def setblocking(self, flag: bool) -> None:
        self.settimeout(WRITE_SECONDS if flag else 0)

    def sendall(self, *args: Any) -> None:
        with _as_gone():
            super().sendall(*args)

    def sendfile(self, *args: Any, **options: Any) -> int:
        with _as_gone():
            return super().sendfile(*args, **options)


@contextmanager
def _as_gone() -> Iterator[None]:
    """A client that does not read is treated as one that has gone, without a line in the log."""
    try:
        yield
    except TimeoutError:
        raise BrokenPipeError(errno.EPIPE, "the client does not read") from None


class Connection(TConn):  # type: ignore[misc]  # gunicorn has no types
    """A connection, and what has come by it of the request that a thread is to get."""

    arrived = bytearray()
    is_refused = False
    _whole: int | None = None  # its length, once its head is here
    _in_chunks = False

    def await_request(self, left: bytes = b"") -> None:
        """Begin anew, with what was sent right behind the last request."""
        self.arrived, self._whole, self._in_chunks = bytearray(left), None, False
        self.timeout = time.monotonic() + ARRIVE_SECONDS
        self.sock.settimeout(0)

    def receive(self) -> bool:
        """Take what is there; False if the client has gone. Never waits."""
        with suppress(BlockingIOError):
            came = self.sock.recv(64 * 1024)
            self.arrived += came
            return bool(came)
        return True

    @property
    def is_whole(self) -> bool:
        """Is all of the request here? What is none counts too: a thread says what is wrong."""
        if self._whole is None:
            end = self.arrived.find(_END)
            if end < 0:
                return len(self.arrived) > _LONGEST_HEAD or self.arrived.startswith(_TLS)
            self._whole = end + len(_END)
            if _HAS_BODY.search(self.arrived, 0, end):
                self._read_head(bytes(self.arrived[: self._whole]))
        if self._in_chunks:
            return self.arrived.endswith(_LAST_CHUNK)
        return len(self.arrived) >= self._whole

    @property
    def is_too_long(self) -> bool:
        longest = settings.DATA_UPLOAD_MAX_MEMORY_SIZE + _LONGEST_HEAD
        return max(self._whole or 0, len(self.arrived)) > longest

    def _read_head(self, head: bytes) -> None:
        # By the parser that will read the request: two that differ let one be hidden in another.
        with suppress(Exception):
            request = next(get_parser(self.cfg, [head], self.client))
            if isinstance(request.body.reader, LengthReader):
                self._whole = len(head) + request.body.reader.length
            else:
                self._in_chunks = True
            if request._expected_100_continue:
                self.sock.send(b"HTTP/1.1 100 Continue\r\n\r\n")

    def refuse(self) -> None:
        """Say that it is too long; what still comes is thrown away, so that this can be read."""
        self.is_refused = True
        with suppress(OSError):
            self.sock.send(
                b"HTTP/1.1 413 Content Too Large\r\nConnection: close\r\n"
                b"Content-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n%b" % (len(_TOO_LONG), _TOO_LONG)
            )
            self.sock.shutdown(socket.SHUT_WR)

    def close(self, graceful: bool = False) -> None:
        """Never waits either: gunicorn's way has the main loop linger for the client's end."""
        if graceful:
            with suppress(OSError):
                self.sock.settimeout(0)
                self.sock.shutdown(socket.SHUT_WR)
                self.receive()
        super().close()

    def hand_over(self) -> None:
        """Let the thread's parser read what is here, and never from the socket."""
        self.parser = get_parser(self.cfg, [bytes(self.arrived)], self.client)
        self.arrived = bytearray()
        self.initialized = True


class PatientWorker(ThreadWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's threads, behind a main loop that waits for the requests."""

    def init_process(self) -> None:
        self.alive_pool = ThreadPoolExecutor(max_workers=1)
        super().init_process()

    def accept(self, listener: Any) -> None:
        try:
            accepted, address = listener.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE):
                self._make_room()
            elif error.errno not in (errno.EAGAIN, errno.ECONNABORTED, errno.EWOULDBLOCK):
                raise
            return
        client = _Socket(fileno=accepted.detach())
        self.nr_conns += 1
        if len(self.pending_conns) + len(self.keepalived_conns) >= IDLE_CONNECTIONS:
            self._make_room()
        self._await(Connection(self.cfg, client, address, listener.getsockname()))

    def _await(self, conn: Connection, left: bytes = b"") -> None:
        conn.await_request(left)
        if left and conn.is_whole:
            self._give(conn)
            return
        self.pending_conns.append(conn)
        readable = partial(self.on_pending_socket_readable, conn)
        self.poller.register(conn.sock, EVENT_READ, readable)
        readable(conn.sock)  # most requests are there by now

    def on_client_socket_readable(self, conn: Connection, client: Any) -> None:
        """The next request on a connection that was kept begins to come."""
        self.poller.unregister(client)
        self.keepalived_conns.remove(conn)
        self._await(conn)

    def on_pending_socket_readable(self, conn: Connection, client: Any) -> None:
        try:
            here = conn.receive()
        except OSError:
            here = False
        if not here:
            self._let_go(self.pending_conns, conn)
        elif conn.is_refused:
            conn.arrived.clear()
        elif conn.is_whole and not conn.is_too_long:
            self.poller.unregister(client)
            self.pending_conns.remove(conn)
            self._give(conn)
        elif conn.is_too_long:
            conn.refuse()
        elif len(conn.arrived) > 64 * 1024:
            self._make_space()

    def enqueue_req(self, conn: Connection) -> None:
        """Called by gunicorn where the next request, or a piece of it, has come already."""
        self._await(conn, conn.parser.unreader.take_buffered())

    def _give(self, conn: Connection) -> None:
        pool = self.alive_pool if _ALIVE.match(conn.arrived) else self.tpool
        conn.hand_over()
        pool.submit(self.handle, conn).add_done_callback(
            lambda done: self.method_queue.defer(self.finish_request, conn, done)
        )

    def _make_room(self) -> None:
        """Let the oldest go of the connections that nobody works for."""
        waiting = max(self.pending_conns, self.keepalived_conns, key=len)
        if waiting:
            self._let_go(waiting, waiting[0])

    def _make_space(self) -> None:
        """Let the longest request go where too much has come of all of them."""
        if sum(len(conn.arrived) for conn in self.pending_conns) > GATHERED_BYTES:
            longest = max(self.pending_conns, key=lambda conn: len(conn.arrived))
            self._let_go(self.pending_conns, longest)

    def _let_go(self, waiting: Any, conn: Connection) -> None:
        waiting.remove(conn)
        self.poller.unregister(conn.sock)
        self.nr_conns -= 1
        conn.close()

    def _cap_keepalive(self, deadline: float) -> None:
        """At the end of the process: a request that has not come whole is not waited for."""
        super()._cap_keepalive(deadline)
        for conn in self.pending_conns:
            conn.timeout = min(conn.timeout, deadline)
