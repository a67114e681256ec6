"""Django's connection as the verbs use it."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, Final
from weakref import WeakKeyDictionary

from django.db import DEFAULT_DB_ALIAS, connections, transaction
from django.db.backends.postgresql.base import ServerBindingCursor
from psycopg.pq import Format

from backlog.session import Cursors, Statement, as_prepared

# Of each of Django's connections: what it has open, and that one's cursors.
_CURSORS: Final[WeakKeyDictionary[Any, tuple[Any, Cursors]]] = WeakKeyDictionary()


def _cursor(connection: Any) -> Any:
    # Server-side binding, which the ORM does without by default: only so can the connection keep
    # the statement prepared.
    cursor: Any = ServerBindingCursor(connection)  # type: ignore[call-arg]  # (the stubs lack it)
    cursor.format = Format.BINARY  # in text, Django takes times apart in Python
    return cursor


@contextmanager
def open_session(using: str = DEFAULT_DB_ALIAS) -> "Iterator[DjangoSession]":
    """A session on this thread's connection, which is left as at the end of a request."""
    try:
        yield DjangoSession(using)
    finally:
        # Nobody else does, without a request: a worker opens another after one that broke. Inside
        # a transaction of somebody's it is theirs, and would be taken for one that broke.
        if not connections[using].in_atomic_block:
            connections[using].close_if_unusable_or_obsolete()


class DjangoSession:
    """Django's connection as the verbs use it; inside `atomic`, a verb is a savepoint."""

    def __init__(self, using: str) -> None:
        self._connection = connections[using]

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Any:
        def run() -> Any:
            cursor = _cursor(opened)
            self._run(cursor, sql, params)
            return cursor

        opened = self._opened()
        return as_prepared(opened, run)

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        opened = self._opened()
        return as_prepared(opened, lambda: self._cursors().rows(sql, params, self._run))

    def trip(self, *statements: Statement) -> list[list[Any]]:
        opened = self._opened()
        together = partial(self._cursors().together, statements, opened, self._run)
        with self._connection.wrap_database_errors:
            return as_prepared(opened, together)

    def _opened(self) -> Any:
        # Another thread's transactions would be on another connection. Django asks so of a cursor.
        self._connection.validate_thread_sharing()
        self._connection.close_if_health_check_failed()  # once a request: it may have restarted
        self._connection.ensure_connection()
        return self._connection.connection

    def _run(self, cursor: Any, sql: str, params: Sequence[Any]) -> None:
        # Error classes, logging and wrappers stay Django's; the last two only if somebody listens.
        connection = self._connection
        if connection.queries_logged:
            connection.make_debug_cursor(cursor).execute(sql, params)
        elif connection.execute_wrappers:
            connection.make_cursor(cursor).execute(sql, params)
        else:
            connection.validate_no_broken_transaction()
            with connection.wrap_database_errors:
                cursor.execute(sql, params)

    def _cursors(self) -> Cursors:
        opened = self._connection.connection
        kept = _CURSORS.get(self._connection)
        if kept is None or kept[0] is not opened:
            kept = _CURSORS[self._connection] = opened, Cursors(partial(_cursor, opened))
        return kept[1]

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def transaction(self) -> AbstractContextManager[Any]:
        return transaction.atomic(using=self._connection.alias)

    def inside(self) -> bool:
        return self._connection.in_atomic_block
