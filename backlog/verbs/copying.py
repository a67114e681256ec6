"""Every row of one store, copied into another that has none: all of them, or nothing.

By COPY between two connections: it needs no program of PostgreSQL's, of whose version and with TLS
or not, and holds no more than a piece of the largest row in memory.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog.errors import Busy, Refusal, WrongState
from backlog.session import sqlstate

if TYPE_CHECKING:
    from psycopg import Connection

# What migrations themselves write: a store without a card has rows there, and they are replaced.
_MADE: Final = frozenset(
    {"auth_group", "auth_group_permissions", "auth_permission", "django_content_type"}
)
_PIECE: Final = 2**16
_LOCK_NOT_AVAILABLE: Final = "55P03"
_LOCK_SECONDS: Final = 10

# Held in the target; who gets it in the source meanwhile is in another database.
_LOCK: Final = "SELECT pg_try_advisory_xact_lock(1650549611, -5)"

# Generated columns come by themselves.
_COLUMNS: Final = """
SELECT quote_ident(attname), CASE WHEN attidentity <> ''
    THEN pg_get_serial_sequence(attrelid::regclass::text, attname) END
FROM pg_attribute WHERE attrelid = %s::regclass
AND attnum > 0 AND NOT attisdropped AND attgenerated = '' ORDER BY attname"""

# Of a whole row, whatever the order of the rows: that of texts is each server's own.
_SUM: Final = """
SELECT count(*), coalesce(sum(('x' || encode(substr(sha256(convert_to(
    ROW({columns})::text, 'UTF8')), 1, 7), 'hex'))::bit(56)::bigint), 0)::text FROM {table}"""

# What rows of an earlier time may break: constraints that hold for new ones only.
_NOT_VALID: Final = """
SELECT CASE WHEN contypid <> 0 THEN 'DOMAIN ' || contypid::regtype
    ELSE 'TABLE ' || conrelid::regclass END, quote_ident(conname), pg_get_constraintdef(oid)
FROM pg_constraint WHERE contype = 'c' AND NOT convalidated
AND connamespace = (SELECT relnamespace FROM pg_class WHERE oid = 'backlog'::regclass)"""


class Copied(NamedTuple):
    """Of a table: how many rows, and the sum of their digests, in decimal; equal on both sides."""

    rows: int
    checksum: str


class Copies(NamedTuple):
    """What was copied, by table, and the number of the last event that was."""

    tables: dict[str, Copied]
    last_event: int


class _Table(NamedTuple):
    name: str
    columns: str  # as SQL has them
    sequences: Mapping[str, str]  # of the source, and what the target calls it


def copy(
    source: "Connection[Any]",
    target: "Connection[Any]",
    tables: Sequence[str],
    before: Iterable[str] = (),
    progress: Callable[[str, int, int], None] = lambda *_: None,
) -> Copies:
    """Copy these tables as one snapshot of the source has them, in one transaction of the target.

    Both are in autocommit mode, and have the same schema. `before`: statements with which each
    transaction begins. `progress` is told a table, and how many of how many are done. Raises
    `WrongState` where the target has rows or is the source, `Busy` where somebody uses it,
    `Refusal` where what arrived is not what was sent.
    """
    import psycopg

    source.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    source.read_only = True
    copied = {}
    with target.transaction(), source.transaction():
        for connection in (source, target):
            for sql in before:
                connection.execute(sql)
        _take(source, target, tables)
        with _without_rules(source, target, tables):
            for number, name in enumerate(tables):
                progress(name, number, len(tables))
                copied[name] = _copy(source, target, _table(source, target, name))
        target.execute("ANALYZE " + ", ".join(tables))  # else the first claims have bad plans
        return Copies(copied, last_event(source))


def last_event(connection: "Connection[Any]") -> int:
    """The number of the last event that is to be seen; 0 without any."""
    row = connection.execute("SELECT coalesce(max(id), 0) FROM backlog_event").fetchone()
    return int(row[0]) if row else 0


def _take(source: "Connection[Any]", target: "Connection[Any]", tables: Sequence[str]) -> None:
    """Keep everybody else from the target, which is to be empty."""
    if not _gets_lock(target):
        raise Busy("the target is being written by another transfer")
    if not _gets_lock(source):
        raise WrongState("the target is the store itself: name another database or directory")
    target.execute("SELECT set_config('lock_timeout', %s, true)", (f"{_LOCK_SECONDS}s",))
    try:
        target.execute(f"LOCK TABLE {', '.join(tables)} IN ACCESS EXCLUSIVE MODE")
    except Exception as error:
        if sqlstate(error) != _LOCK_NOT_AVAILABLE:
            raise
        raise Busy("somebody uses the target's tables; end that, and try again") from None
    target.execute("SELECT set_config('lock_timeout', '0', true)")
    filled = [name for name in tables if name not in _MADE and _has_rows(target, name)]
    if filled:
        raise WrongState(
            f"the target is not empty: there are rows in {', '.join(filled)}; name a new database"
        )


def _gets_lock(connection: "Connection[Any]") -> bool:
    return connection.execute(_LOCK).fetchone() == (True,)


def _has_rows(connection: "Connection[Any]", table: str) -> bool:
    return connection.execute(f"SELECT FROM {table} LIMIT 1").fetchone() is not None


@contextmanager
def _without_rules(
    source: "Connection[Any]", target: "Connection[Any]", tables: Sequence[str]
) -> Iterator[None]:
    """Rows are written as they are: no trigger looks at them, nor what holds for new ones only.

    By the right of the tables' owner; `session_replication_role` takes more than managed servers
    give.
    """
    rules = source.execute(_NOT_VALID).fetchall()
    for name in tables:
        target.execute(f"ALTER TABLE {name} DISABLE TRIGGER USER")
    for owner, rule, _ in rules:
        target.execute(f"ALTER {owner} DROP CONSTRAINT IF EXISTS {rule}")
    for name in _MADE.intersection(tables):
        target.execute(f"DELETE FROM {name}")
    yield
    target.execute("SET CONSTRAINTS ALL IMMEDIATE")  # keys of other tables, before it is too late
    for owner, rule, definition in rules:
        target.execute(f"ALTER {owner} ADD CONSTRAINT {rule} {definition}")
    for name in tables:
        target.execute(f"ALTER TABLE {name} ENABLE TRIGGER USER")


def _table(source: "Connection[Any]", target: "Connection[Any]", name: str) -> _Table:
    """Raises `WrongState` where the two sides differ."""
    ours, theirs = (each.execute(_COLUMNS, (name,)).fetchall() for each in (source, target))
    columns = [column for column, _ in ours]
    if columns != [column for column, _ in theirs]:
        raise WrongState(f"the target's {name} has other columns: its schema is another version")
    counted = zip(ours, theirs, strict=True)
    sequences = {mine: its for (_, mine), (_, its) in counted if mine and its}
    return _Table(name, ", ".join(columns), sequences)


def _copy(source: "Connection[Any]", target: "Connection[Any]", table: _Table) -> Copied:
    name, columns, sequences = table
    with source.cursor() as reading, target.cursor() as writing:
        out = reading.copy(f"COPY {name} ({columns}) TO STDOUT")
        with out as rows, writing.copy(f"COPY {name} ({columns}) FROM STDIN") as pieces:
            for piece in _in_pieces(rows):
                pieces.write(piece)
    for mine, its in sequences.items():  # after the rows: it is not behind any of them
        at = source.execute(f"SELECT last_value, is_called FROM {mine}").fetchone()
        target.execute("SELECT setval(%s, %s, %s)", (its, *(at or ())))
    sent, came = (_sum(each, table) for each in (source, target))
    if sent != came:
        raise Refusal(
            f"nothing is transferred: of {name}, {sent.rows} rows were sent (checksum"
            f" {sent.checksum}) and {came.rows} came (checksum {came.checksum})"
        )
    return sent


def _in_pieces(rows: Iterable[Any]) -> Iterator[bytes]:
    """The rows together: to send each by itself takes most of the time."""
    piece = bytearray()
    for row in rows:
        piece += row
        if len(piece) >= _PIECE:
            yield bytes(piece)
            piece.clear()
    yield bytes(piece)


def _sum(connection: "Connection[Any]", table: _Table) -> Copied:
    sql = _SUM.format(columns=table.columns, table=table.name)
    return Copied(*(connection.execute(sql).fetchone() or ()))
