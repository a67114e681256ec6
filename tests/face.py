"""The command over HTTP, on a server in this process: `served`, and its `tokens`.

With BACKLOG_TEST_FACE=http all that asks the command (`call`, `command`) asks it so: the tests of
the command hold for its client, but for those of `NOT_OVER_HTTP`.
"""

import logging
import os
import ssl
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from unittest.mock import patch

from django.core.servers.basehttp import WSGIRequestHandler, WSGIServer
from django.db import connections

from backlog.errors import UsageError
from backlog.session import PsycopgSession
from backlog.values import actor
from remote.client import main
from remote.command import VERBS
from remote.verbs import tokens
from tests import kept

OVER_HTTP: Final = os.environ.get("BACKLOG_TEST_FACE", "") == "http"

# Why a test of the command cannot hold over HTTP, by the beginning of its name.
NOT_OVER_HTTP: Final = {
    "cli/test_django": "it is about Django's connection",
    "cli/test_export.py::test_what_fails_while": "it has the store fail in the middle of a read",
    "cli/test_export.py::test_a_file_that_cannot": "it has no room for temporary files",
    "cli/test_foreign.py::test_a_directory": "a directory is not sent",
    "cli/test_foreign.py::test_front_matter": "a directory is not sent",
    "cli/test_foreign.py::test_criteria_of_many": "a directory is not sent",
    "cli/test_history.py::test_of_an_account": "the worker of the token acts, not the account",
    "cli/test_history.py::test_a_process_names": "the worker of the token acts, not the account",
    "cli/test_parsing.py::test_it_says_which": "the version names the server as well",
    "cli/test_parsing.py::test_a_mistake_says": "the token says who claims",
    "cli/test_parsing.py::test_wrong_usage_is_one_line_on_stderr_and_changes_nothing[claim]": (
        "the token says who claims"
    ),
    "cli/test_process.py::test_a_worker_s_command": "it imports psycopg; see remote/test_client",
    "cli/test_process.py::test_one_query": "the statements are the server's",
    "cli/test_process.py::test_help_and_a_mistake": "the token says who claims",
    "cli/test_terminal.py::test_a_warning": "the site in the process has set up its own log",
}


def is_left_out(test: str) -> bool:
    """Whether the test with this id cannot hold over HTTP."""
    return any(test.startswith(f"tests/{each}") for each in NOT_OVER_HTTP)


class _Quiet(WSGIRequestHandler):
    timeout = 5  # of a connection on which nothing is asked: its thread is wanted

    def get_environ(self) -> dict[str, Any]:
        """With the connection, for an application that hangs up."""
        return {**super().get_environ(), "connection": self.connection}

    def log_message(self, *words: Any) -> None:
        pass


# A few threads that stay: a connection to the database costs more than most requests.
_MOST: Final = 8
_THREADS: Final = ThreadPoolExecutor(_MOST)


def close() -> None:
    """Close what they have open, each its own; at the end of the run."""
    all_here = threading.Barrier(_MOST, timeout=60)

    def close_mine() -> None:
        all_here.wait()
        connections.close_all()

    for closed in [_THREADS.submit(close_mine) for _ in range(_MOST)]:
        closed.result()


class _Server(WSGIServer):
    def process_request(self, request: Any, client_address: Any) -> None:
        _THREADS.submit(self._answer, request, client_address)

    def _answer(self, request: Any, client_address: Any) -> None:
        try:
            self.finish_request(request, client_address)
        finally:
            self.shutdown_request(request)


def site() -> Any:
    """The project's own."""
    from fleet_backlog.wsgi import application

    return application


@contextmanager
def serving(app: Any = None, tls: tuple[Path, Path] | None = None) -> Iterator[str]:
    """An application (the site), on a free port, served by threads of this process; its URL.

    `tls`: its certificate and the key.
    """
    logging.getLogger("django.request").setLevel(logging.ERROR)  # what is refused is no news
    server = _Server(("127.0.0.1", 0), _Quiet)
    if tls is not None:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.set_app(app or site())
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def token(worker: str = "w", scope: str = "operate", **limits: Any) -> str:
    """What this worker shows."""
    with kept.connected() as lent:
        return tokens.create(PsycopgSession(lent), worker, scope, **limits)[1]


def names(url: str, *words: str) -> dict[str, str]:
    """The environment that names the server, with a token of whoever the words say acts."""
    said = ("--owner", "--by")
    pairs = [(word.partition("=")[0], word.partition("=")[2]) for word in words if "=" in word]
    pairs += pairwise(words)
    named = [value.strip() for name, value in pairs if name in said]
    account = next(filter(None, (actor(os.environ.get(name, "")) for name in _ACTORS)), "root")
    who = named[-1] if named and not words[0].endswith(("pause", "limit", "resume")) else account
    try:
        return {"BACKLOG_URL": url, "BACKLOG_TOKEN": token(who)}
    except UsageError:  # nobody can be called so
        return {"BACKLOG_URL": url, "BACKLOG_TOKEN": token(account)}


_ACTORS: Final = ("BACKLOG_OWNER", "LOGNAME", "USER")


def run(url: str, words: Sequence[str]) -> int:
    """Run the command in this process; its exit status."""
    with patch.dict(os.environ, names(url, *words)):
        return main.main(words, "backlog", VERBS)
