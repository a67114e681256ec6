"""What to do when a connection is not had at once: start the server, wait, or give up."""

import random
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

from backlog.store.embedded import layout
from backlog.store.embedded.errors import StoreError
from backlog.store.embedded.probe import is_down

# A server that recovers from a crash says so, and may need minutes.
RECOVERY = 300.0
# A socket that closed as we came, and what else passes.
BUSY = 60.0
# A full server: a burst of commands passes, connections that somebody keeps do not.
FULL = 5.0
_FULL = ("too many clients", "slots are reserved")
_HINT = (
    "; it has no connection left, even for an operator: end what keeps so many, or all of them "
    "by `backlog store stop`, which needs none"
)


def persist[Connection](
    root: Path, connect: Callable[[], Connection], error: psycopg.OperationalError
) -> Connection:
    """Call ``connect`` until it succeeds, starting the server when it is down.

    ``error`` is what the first attempt said. Raises StoreError when waiting would not help.
    """
    began, pause = time.monotonic(), 0.01
    while True:
        if time.monotonic() - began > _patience(error):
            hint = _HINT if _is_full(error) else ""
            raise StoreError(f"No connection to the store in {root}: {error}{hint}") from error
        if "FATAL:" not in str(error) and is_down(layout.socket_file(root)):
            from backlog.store.embedded import supervisor  # only a start pays for it

            supervisor.start(root)
        else:
            time.sleep(pause * random.uniform(0.5, 1))  # noqa: S311 - spreads the retries
            pause = min(pause * 1.5, 0.25)
        try:
            return connect()
        except psycopg.OperationalError as again:
            error = again


def _is_full(error: psycopg.OperationalError) -> bool:
    return any(words in str(error) for words in _FULL)


def _patience(error: psycopg.OperationalError) -> float:
    """Return for how many seconds to go on: connection errors have no sqlstate, only words."""
    # English, whatever the user's language: the cluster's locale is C.
    said = str(error)
    if "the database system is" in said:
        return RECOVERY
    if _is_full(error):
        return FULL
    if "terminating" in said:  # the server stopped just as it let us in
        return BUSY
    if "FATAL:" in said or isinstance(error, psycopg.errors.ConnectionTimeout):
        return -1  # the server has decided, or hangs
    return BUSY
