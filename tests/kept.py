"""Connections that are kept from test to test: a new one costs more than most tests do.

Each is given as if it were new: without a transaction, settings, locks, temporary tables, cursors
or prepared statements of whoever had it before. Only what is about the connection's own beginning
wants a new one (`forget`).
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import psycopg
from psycopg.pq import TransactionStatus

from backlog import schema
from backlog.cli import connection
from backlog.session import PsycopgSession
from backlog.store import storage

# The store of the run. Of a test's own store nothing is kept: it goes with the test.
_OURS: Final = storage.from_environment()
_AS_NEW: Final = "DISCARD ALL"

# How many connections somebody has: those that are kept count for closed. What was run last on
# one is `_AS_NEW`.
IN_USE: Final = """SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND query <> 'DISCARD ALL'"""

# By who may have them again.
_kept: dict[str, list["psycopg.Connection[Any]"]] = defaultdict(list)


def keep(whose: str, used: "psycopg.Connection[Any]") -> bool:
    """Keep it, unless it cannot be had again: whether it is kept."""
    if storage.from_environment() != _OURS or not _renewed(used):
        return False
    _kept[whose].append(used)
    return True


def from_before(whose: str) -> "psycopg.Connection[Any] | None":
    """One that was kept, and works."""
    while storage.from_environment() == _OURS and _kept[whose]:
        last = _kept[whose].pop()
        if _renewed(last):  # no test has stopped the store since
            return last
        last.close()
    return None


def forget() -> None:
    """Close them all: what the database says to a connection that begins has changed."""
    for free in _kept.values():
        while free:
            free.pop().close()


@contextmanager
def connected() -> "Iterator[psycopg.Connection[Any]]":
    """A connection to the store that the environment names. It prepares no statement."""
    lent = from_before("verbs") or storage.from_environment().connect()
    lent.prepare_threshold = None
    try:
        yield lent
    finally:
        if not keep("verbs", lent):
            lent.close()


@contextmanager
def open_session() -> Iterator[PsycopgSession]:
    """As the command opens one, on such a connection."""
    if storage.from_environment() != _OURS:
        with connection.open_session() as session:
            yield session
        return
    with connected() as lent:
        session = PsycopgSession(lent)
        schema.ensure(session)
        yield session


def _renewed(used: "psycopg.Connection[Any]") -> bool:
    """Make it as new; whether it could be done."""
    status = TransactionStatus.UNKNOWN if used.closed else used.info.transaction_status
    if status != TransactionStatus.IDLE or not used.autocommit:
        return False
    try:
        with used.transaction(force_rollback=True):
            pass  # psycopg forgets what it prepared, and what it counted
        used.execute(_AS_NEW, prepare=False)
    except psycopg.Error:
        return False
    return True
