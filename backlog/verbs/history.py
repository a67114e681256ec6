"""What happened: the events that the database keeps of every change of a card, and comments."""

import time
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Final, NamedTuple

from backlog import values
from backlog.planner import row_by_row
from backlog.session import TELLING, Session, in_statement, telling
from backlog.verbs.moves import existing

COLUMNS: Final = "id, card_id, at, actor, verb, from_status, to_status, attempt, note"

COMMENT: Final = "comment"
ESCALATE: Final = "escalate"
DECIDE: Final = "decide"
VERIFY: Final = "verify"
# Events that change nothing of their card: what is said of it.
SAID: Final = (COMMENT, ESCALATE, DECIDE, VERIFY)

# The card is not written: nobody's edit is refused for it, and no claim waits. Its row is locked
# before the event takes its id, as at a change (see `_Awaited`), and so that it is not deleted now.
_SAY: Final = f"""
WITH card AS MATERIALIZED (
    SELECT id, status, attempts FROM backlog WHERE id = %s FOR KEY SHARE
)
INSERT INTO backlog_event (card_id, at, actor, verb, from_status, to_status, attempt, note)
SELECT id, clock_timestamp(), backlog_actor(), %s, status, status, attempts, %s
FROM card WHERE {TELLING} IS NOT NULL RETURNING {COLUMNS}"""


class Event(NamedTuple):
    """One change of one card, or a comment; see `backlog.models.Event`."""

    id: int
    card_id: str
    at: datetime
    actor: str
    verb: str
    from_status: str | None
    to_status: str | None
    attempt: int
    note: str | None


@in_statement
def comment(session: Session, card_id: str, note: str) -> Event:
    """Say something about a card, in whatever state it is: an event, which nothing changes.

    The card stays as it is, its `updated_at` too. Raises `NotFound`, `UsageError`.
    """
    values.text(card_id, "id")
    return existing(card_id, say(session, card_id, COMMENT, values.line(note, "note")))


def say(
    session: Session, card_id: str, verb: str, note: str, actor: str | None = None
) -> Event | None:
    """An event that changes nothing of the card, of one of the verbs `SAID`; None: no such card.

    `actor`: who says it, if it is another than who acts.
    """
    rows = session.rows(_SAY, (card_id, verb, note, *telling(actor)))
    return Event._make(rows[0]) if rows else None


def history(session: Session, card_id: str, limit: int | None = None) -> list[Event]:
    """What happened to a card, the newest `limit` events (None: all), oldest first.

    A deleted card keeps its history; an id that never was has none.
    """
    sql = f"""
        SELECT {COLUMNS} FROM (
            SELECT {COLUMNS} FROM backlog_event WHERE card_id = %s ORDER BY id DESC LIMIT %s
        ) AS newest ORDER BY id"""
    return [Event._make(row) for row in session.execute(sql, (card_id, limit))]


def last_id(session: Session) -> int:
    """The highest id that any event was given, visible or not; 0 if none was."""
    sql = """
        SELECT coalesce(pg_sequence_last_value(
            pg_get_serial_sequence('backlog_event', 'id')::regclass), 0)"""
    return int(session.execute(sql).fetchone()[0])


def newest(session: Session, limit: int) -> list[Event]:
    """The newest `limit` events of all cards, oldest first.

    No tree has the ids in their order (every claim would have to write it): a window of the last
    ids, which the index of ranges finds, widens until it holds enough.
    """
    last = last_id(session)
    sql = f"""
        SELECT {COLUMNS} FROM (
            SELECT {COLUMNS} FROM backlog_event WHERE id > %s ORDER BY id DESC LIMIT %s
        ) AS newest ORDER BY id"""
    window = 4 * limit
    while True:
        rows = session.execute(sql, (last - window, limit)).fetchall()
        if len(rows) == limit or window >= last:
            return [Event._make(row) for row in rows]
        window *= 8


# Following ---------------------------------------------------------------------------------------
#
# Ids are taken in order and become visible at commit. So an id that is not there may still come
# (its transaction is running) or never (it was rolled back), and whoever asked only for ids above
# the highest that has come would lose the former.

# One scan for each range, by the index of ranges.
_AWAITED: Final = f"""
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint, event.*
FROM (SELECT) AS once LEFT JOIN (
    SELECT event.* FROM unnest(%s::bigint[], %s::bigint[]) AS awaited (low, high)
    CROSS JOIN LATERAL (
        {row_by_row(f"SELECT {COLUMNS} FROM backlog_event WHERE id BETWEEN low AND high")}
    ) AS event
) AS event ON true ORDER BY event.id"""

# A transaction id of our own: all that were given out before are lower. The snapshot's xmax would
# not do: a running transaction may have one above it.
_BOUND: Final = "SELECT pg_current_xact_id()::text::bigint"
_OLDEST_RUNNING: Final = "SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint"

_HIGHEST: Final = 2**63 - 1
_PATIENCE_SECONDS: Final = 2
# How far back events are awaited of a transaction that was running already, and runs on and on.
_WINDOW: Final = 100_000


class _Awaited(NamedTuple):
    """Ids that have not come yet; with `bound`, whoever may bring them has a lower transaction id.

    (Whoever takes an id has its transaction id by then: it holds a row of `backlog`.)
    """

    low: int
    high: int = _HIGHEST
    bound: int | None = None


class Follower:
    """The newest events, then, at each `poll`, those that have become visible since.

    What it knows lasts: the session may be another one each time.
    """

    def __init__(self) -> None:
        self._awaited: list[_Awaited] = []

    def start(self, session: Session, limit: int) -> list[Event]:
        """The newest `limit` events, oldest first; from here on none will be left out."""
        last = last_id(session)
        over = _all_ended(session, session.execute(_BOUND).fetchone()[0])
        low = min([last + 1, *(event.id for event in newest(session, limit)[:1])])
        self._awaited = [_Awaited(max(1, low if over else min(low, last - _WINDOW)))]
        events = self.poll(session)
        return events[max(0, len(events) - limit) :]

    def poll(self, session: Session) -> list[Event]:
        """The events that have become visible since the last call, in the order of their ids."""
        ranges = [u.low for u in self._awaited], [u.high for u in self._awaited]
        rows = session.execute(_AWAITED, ranges).fetchall()
        oldest_running = rows[0][0]
        events = [Event._make(row[1:]) for row in rows if row[1] is not None]
        ids = [event.id for event in events]
        left = [
            _Awaited(low, high, awaited.bound)
            for awaited in self._awaited
            if awaited.bound is None or awaited.bound > oldest_running
            for low, high in _holes(awaited.low, awaited.high, ids)
        ]
        gaps, rest = left[:-1], left[-1]
        if any(gap.bound is None for gap in gaps):
            bound = session.execute(_BOUND).fetchone()[0]
            gaps = [gap._replace(bound=gap.bound or bound) for gap in gaps]
        self._awaited = [*gaps, rest]
        return events


def _holes(low: int, high: int, ids: Sequence[int]) -> Iterator[tuple[int, int]]:
    """What is left of the range without these ids, which are in order."""
    for found in ids[bisect_left(ids, low) : bisect_right(ids, high)]:
        if low < found:
            yield low, found - 1
        low = found + 1
    if low <= high:
        yield low, high


def _all_ended(session: Session, bound: int) -> bool:
    """Whether, before long, every transaction below the bound has come to its end."""
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while session.execute(_OLDEST_RUNNING).fetchone()[0] < bound:
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)
    return True
