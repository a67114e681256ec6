"""A server that webhooks post to, with answers as a test wants them."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

Answer = Callable[[BaseHTTPRequestHandler], None]


class Receiver(ThreadingHTTPServer):
    """`got`: what came, as headers and body; `answers`: what to the next ones, else 200."""

    daemon_threads = True
    block_on_close = False

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.got: list[tuple[Any, bytes]] = []
        self.answers: list[Answer] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/a-secret-path"

    @property
    def said(self) -> list[Any]:
        """The `data` of each message."""
        return [json.loads(body)["data"] for _, body in self.got]

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Whoever asked has gone: that is a case of the tests."""


class _Handler(BaseHTTPRequestHandler):
    server: Receiver

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.got.append((self.headers, body))
        (self.server.answers.pop(0) if self.server.answers else status(200))(self)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on stderr."""


def status(code: int, **headers: str) -> Answer:
    """An answer without a body."""

    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(code)
        for name, value in {"Content-Length": "0", **headers}.items():
            handler.send_header(name, value)
        handler.end_headers()

    return answer


@contextmanager
def receiving() -> Iterator[Receiver]:
    """A server, for as long as it takes."""
    server = Receiver()
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def signature(secret: str, headers: Any, body: bytes) -> str:
    """What Standard Webhooks says that the signature must be, computed by itself."""
    key = base64.b64decode(secret[len("whsec_") :])
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.".encode() + body
    made = hmac.new(key, signed, hashlib.sha256).digest()
    return "v1," + base64.b64encode(made).decode()
