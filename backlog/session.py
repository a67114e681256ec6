"""What the verbs ask of a connection, and how they behave under contention.

The verbs run on a plain psycopg connection (the command, which must start fast) and on Django's
(everything else) alike: both are a `Session`.
"""

import itertools
import random
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext, suppress
from contextvars import ContextVar
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, Final, Protocol

from backlog.errors import Busy, NotAccepted, Refusal, StoreUnavailable, UsageError

if TYPE_CHECKING:
    from psycopg import Connection, Cursor

# Serialization failure, deadlock: nothing has changed, and the next try may well succeed.
RETRIED: Final = ("40001", "40P01")
UNIQUE_VIOLATION: Final = "23505"
# What was prepared is about what the server has no more: tables and types were made anew since, by
# a restore or an upgrade ("cached plan must not change result type", "cache lookup failed"), or it
# was let go of by somebody else (DISCARD ALL). Nothing has changed; prepared anew, it runs.
_PREPARED_FOR_ELSE: Final = ("0A000", "26000", "XX000")

_TRIES: Final = 30
_KEPT_CURSORS: Final = 32
_PAGE: Final = 1000
_CURSORS: Final = itertools.count()
# psycopg.pq.TransactionStatus.IDLE and ACTIVE; psycopg is imported where it is needed.
_IDLE: Final = 0
_ACTIVE: Final = 1

# Who acts, for the events of what follows in this context; empty: the database's role.
ACTOR: ContextVar[str] = ContextVar("backlog_actor", default="")

# Tells the triggers, until the transaction ends; not null. Parameters: what `telling` gives.
TELLING: Final = "set_config('backlog.actor', %s, true) || set_config('backlog.report', %s, true)"

_TELL: Final = f"SELECT {TELLING}"


def telling(actor: str | None = None, report: str = "") -> tuple[str, str]:
    """Who acts (None: `ACTOR`), and what is said of the move: see `backlog.verbs.runs.Report`."""
    return actor or ACTOR.get(), report


# A whole statement, and its parameters.
Statement = tuple[str, tuple[Any, ...]]


class Result(Protocol):
    """An executed statement."""

    @property
    def rowcount(self) -> int: ...
    def __iter__(self) -> Iterator[Any]: ...
    def fetchone(self) -> Any: ...
    def fetchall(self) -> list[Any]: ...
    def nextset(self) -> bool | None: ...


class Session(Protocol):
    """A connection in autocommit mode."""

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Result:
        """Run one statement; parameters are `%s`."""

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        """What a statement gives that is run again and again: it costs less the next time."""

    def trip(self, *statements: Statement) -> list[list[Any]]:
        """What each statement gives; in one round trip, and in one transaction."""

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Feed rows to a `COPY … FROM STDIN`."""

    def transaction(self) -> AbstractContextManager[Any]:
        """One transaction (a savepoint inside one)."""

    def inside(self) -> bool:
        """Whether a transaction is open: a statement that may fail needs a savepoint then."""


# How a verb that goes on and on comes by a session, again and again.
Opener = Callable[[], AbstractContextManager[Session]]


class Cursors:
    """A connection's cursors, each for one statement, to be used again.

    psycopg's cursor finds out anew how to send parameters and read rows whenever it meets another
    text. Made anew for each statement, cursors cost a claim 6 % (docs/benchmarks.md).
    """

    def __init__(self, make: "Callable[[], Cursor[Any]]") -> None:
        self._make = make
        self._kept: dict[str, tuple[str, Cursor[Any]]] = {}

    def rows(
        self, sql: str, params: Sequence[Any] = (), run: Callable[..., object] | None = None
    ) -> list[Any]:
        """What the statement gives; `run` executes it, given the cursor, where that takes more."""
        return self._end(self._begin(sql, params, run))

    def _begin(
        self, sql: str, params: Sequence[Any], run: Callable[..., object] | None = None
    ) -> "tuple[str, Cursor[Any]]":
        # Taken out, so that nobody else uses it meanwhile. The text comes with it: one that is only
        # equal makes psycopg look again.
        kept = self._kept.pop(sql, None) or (sql, self._make())
        sql, cursor = kept
        if run is None:
            cursor.execute(sql, params)
        else:
            run(cursor, sql, params)
        return kept

    def _end(self, kept: "tuple[str, Cursor[Any]]") -> list[Any]:
        sql, cursor = kept
        rows = cursor.fetchall()
        if cursor.pgresult is not None:  # else it would keep that, too
            cursor.pgresult.clear()
        if len(self._kept) == _KEPT_CURSORS:
            self._kept.clear()
        self._kept[sql] = kept
        return rows

    def together(
        self,
        statements: Iterable[Statement],
        connection: "Connection[Any]",
        run: Callable[..., object] | None = None,
    ) -> list[list[Any]]:
        """What each statement gives, sent one after the other without waiting for an answer."""
        try:
            with connection.pipeline():
                begun = [self._begin(*statement, run) for statement in statements]
        except BaseException:
            # What was to be prepared after what failed was not, and psycopg believes it was: every
            # execution to come would fail.
            _prepare_anew(connection)
            if connection.pgconn.transaction_status == _ACTIVE:
                connection.close()  # it broke where libpq waits for an answer yet, and always would
            raise
        return [self._end(each) for each in begun]


def _prepare_anew(connection: "Connection[Any]") -> bool:
    """Have psycopg forget what it believes to be prepared; False inside a transaction, whose
    rollback does it. (`DEALLOCATE ALL`, run as a statement, does not always: psycopg looks at its
    answer only where it sees it for the first time since it forgot.)
    """
    idle = connection.pgconn.transaction_status == _IDLE
    if idle and connection.prepare_threshold is not None:
        with suppress(Exception), connection.transaction(force_rollback=True):
            pass  # suppressed: what is broken is told already
    return idle


def as_prepared[T](connection: "Connection[Any]", run: Callable[[], T]) -> T:
    """What it gives; once more, if what is prepared is not what the server has now."""
    try:
        return run()
    except Exception as error:
        if sqlstate(error) not in _PREPARED_FOR_ELSE or not _prepare_anew(connection):
            raise
    return run()


class PsycopgSession:
    """A psycopg connection in autocommit mode as the verbs use it."""

    def __init__(self, connection: "Connection[Any]") -> None:
        self._connection = connection
        self._cursors = Cursors(connection.cursor)

    def execute(self, sql: str, params: Sequence[Any] = ()) -> Result:
        return as_prepared(self._connection, lambda: self._connection.execute(sql, params))

    def rows(self, sql: str, params: Sequence[Any] = ()) -> list[Any]:
        return as_prepared(self._connection, lambda: self._cursors.rows(sql, params))

    def trip(self, *statements: Statement) -> list[list[Any]]:
        # Without a BEGIN, what is sent up to the end of a pipeline is one transaction.
        opened = self._connection
        return as_prepared(opened, lambda: self._cursors.together(statements, opened))

    def copy(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        with self._connection.cursor() as cursor, cursor.copy(sql) as copy:
            for row in rows:
                copy.write_row(row)

    def transaction(self) -> AbstractContextManager[Any]:
        return self._connection.transaction()

    def inside(self) -> bool:
        return self._connection.pgconn.transaction_status != _IDLE


def in_pages(session: Session, sql: str, params: Sequence[Any] = ()) -> Iterator[Any]:
    """The rows of a SELECT, of one snapshot: a page of them in memory, however many they are.

    A transaction is open until the last is read, so who may be slow keeps them first.
    """
    pages = f"backlog_pages_{next(_CURSORS)}"  # others may be read meanwhile
    with session.transaction():
        session.execute(f"DECLARE {pages} NO SCROLL CURSOR FOR {sql}", params)
        while rows := session.execute(f"FETCH {_PAGE} FROM {pages}").fetchall():
            yield from rows
        session.execute(f"CLOSE {pages}")


type Verb[**P, T] = Callable[Concatenate[Session, P], T]


def in_transaction[**P, T](verb: Verb[P, T]) -> Verb[P, T]:
    """Run the verb in one transaction, as the actor; after a deadlock, again."""

    @wraps(verb)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> T:
        def work() -> T:
            session.rows(_TELL, telling())
            return verb(session, *args, **kwargs)

        return transact(session, work)

    return run


def transact[T](session: Session, work: Callable[[], T]) -> T:
    """What it gives, in one transaction; again, in another, after a deadlock, or if what is
    prepared is not what the server has now. For who does verbs, and more, in one."""
    return _again(session.transaction, work)


def in_statement[**P, T](verb: Verb[P, T]) -> Verb[P, T]:
    """Each statement of the verb is its own transaction; after a deadlock, run the verb again."""

    @wraps(verb)
    def run(session: Session, /, *args: P.args, **kwargs: P.kwargs) -> T:
        if session.inside():
            return _again(session.transaction, lambda: verb(session, *args, **kwargs))
        try:
            return verb(session, *args, **kwargs)
        except Exception as error:
            if sqlstate(error) not in RETRIED:
                raise
        return _again(nullcontext, lambda: verb(session, *args, **kwargs))

    return run


def _again[T](within: Callable[[], AbstractContextManager[Any]], work: Callable[[], T]) -> T:
    tries = pauses(_TRIES)
    prepared = True
    while True:
        try:
            with within():
                return work()
        except Exception as error:
            state = sqlstate(error)
            if state in _PREPARED_FOR_ELSE and prepared:
                prepared = False  # it is forgotten, by the rollback
                continue
            if state not in RETRIED:
                raise
        pause = next(tries, None)
        if pause is None:
            raise Busy("other transactions kept getting in the way; try again")
        time.sleep(pause)


def pauses(tries: int) -> Iterator[float]:
    """Seconds to wait between tries: short at first, at most 50 ms, with jitter."""
    for n in range(tries):
        yield random.uniform(0.5, 1) * min(0.05, 0.001 * 2**n)  # noqa: S311 (not a secret)


def idle_pauses() -> Iterator[float]:
    """Seconds to wait between looks for work, for ever: from 0.1 to 2 s, with jitter.

    At the longest, 200 that wait ask 130 times a second together, and one alone waits 1.5 s on
    average.
    """
    longest = 0.1
    while True:
        yield random.uniform(0.5, 1) * longest  # noqa: S311 (not a secret)
        longest = min(2.0, longest * 1.5)


def sqlstate(error: BaseException) -> str | None:
    """The SQLSTATE of a psycopg error or of the Django error that wraps one."""
    state = getattr(error, "sqlstate", None) or getattr(error.__cause__, "sqlstate", None)
    return state if isinstance(state, str) else None


# Classes of SQLSTATE that say the server cannot serve now: connection, authorization, resources,
# operator intervention, system error; and a database that does not exist. Beside the classes: a
# transaction that could not write (the server is a standby by now), or took too long.
_UNAVAILABLE: Final = ("08", "28", "3D", "53", "57", "58", "25006", "25P03", "25P04")
# What would be right, where the server does not say so.
_ADVICE: Final = {
    "25006": "it is a standby or read-only: DATABASE_URL is to name the primary, or every host"
}


def as_refusal(error: BaseException) -> Refusal | None:
    """The refusal that an error is; None for a defect, which deserves its traceback."""
    if isinstance(error, Refusal):
        return error
    import psycopg  # here: a wrong option is refused without it

    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    if not isinstance(cause, psycopg.Error):
        return None
    message = cause.diag.message_primary or str(cause).strip().partition("\n")[0]
    state = cause.sqlstate
    if state is None and isinstance(cause, psycopg.DataError):  # psycopg's own, not the server's
        return Refusal(f"the database holds a value that cannot be read: {message}")
    if state is None or state.startswith(_UNAVAILABLE):
        advice = f"; {_ADVICE[state]}" if state in _ADVICE else ""
        return StoreUnavailable(f"the database cannot be used: {message}{advice}")
    if cause.diag.constraint_name == "backlog_verdicts":  # see `backlog/sql/verdicts.sql`
        return NotAccepted(message)
    if state.startswith("22"):
        return UsageError(f"the database cannot hold this value: {message}")
    return Refusal(f"the database refused: {message}")
