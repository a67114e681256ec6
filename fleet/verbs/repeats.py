"""Cards that are made again: at each time of a line of cron, by whichever sweep comes first."""

from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import DuplicateId, NotFound, UsageError, WrongState
from backlog.lifecycle import LONGEST_NAME
from backlog.records import Record
from backlog.session import Session, in_transaction
from backlog.verbs import cards
from fleet import cron

_COLUMNS: Final = "card_id, series, line, zone, next_at"

# What the next card has of the one before.
_COPIED: Final = (
    *("body", "phase", "role", "priority", "acceptance", "max_attempts", "max_runtime"),
    *("projected_tokens", "projected_cost"),
)
# That of its phase, the next card has from there.
_OWN_GATE: Final = "SELECT own_gate FROM backlog WHERE id = %s"

# What others make at this moment is left to them.
_DUE: Final = f"""
SELECT {_COLUMNS}, now() FROM fleet_repeat WHERE next_at <= now()
ORDER BY next_at, card_id LIMIT 1 FOR UPDATE SKIP LOCKED"""


class Repeat(NamedTuple):
    """A series of cards: `id` of the newest, `series` the id of the first; when the next is made,
    by a line of cron in a time zone."""

    id: str
    series: str
    cron: str
    zone: str
    next_at: datetime


@in_transaction
def repeat(session: Session, card_id: str, line: str, zone: str = "UTC") -> Repeat:
    """From now on a card like this is made at each time of the line of cron.

    Named by its newest card or its first, a series has another line from now on. Raises
    `NotFound`, `UsageError`.
    """
    next_at = cron.after(line, cron.zone(zone), session.execute("SELECT now()").fetchone()[0])
    sql = f"""
        UPDATE fleet_repeat SET line = %s, zone = %s, next_at = %s
        WHERE card_id = %s OR series = %s RETURNING {_COLUMNS}"""
    row = session.execute(sql, (line, zone, next_at, card_id, card_id)).fetchone()
    if row is None:
        values.new_id(_next_id(cards.show(session, card_id).id, next_at, zone))
        sql = f"""
            INSERT INTO fleet_repeat ({_COLUMNS}) VALUES (%s, %s, %s, %s, %s)
            ON CONFLICT (card_id) DO UPDATE SET
                line = excluded.line, zone = excluded.zone, next_at = excluded.next_at
            RETURNING {_COLUMNS}"""
        row = session.execute(sql, (card_id, card_id, line, zone, next_at)).fetchone()
    return Repeat._make(row)


@in_transaction
def no_repeat(session: Session, card_id: str) -> Repeat:
    """No more cards of this series are made: it, as it was. Raises `NotFound`."""
    sql = f"DELETE FROM fleet_repeat WHERE card_id = %s OR series = %s RETURNING {_COLUMNS}"
    row = session.execute(sql, (values.text(card_id, "id"), card_id)).fetchone()
    if row is None:
        raise NotFound(f"{card_id} is not repeated: `repeats` lists what is")
    return Repeat._make(row)


def repeats(session: Session) -> list[Repeat]:
    """Every series, the one whose next card comes first at the top."""
    sql = f"SELECT {_COLUMNS} FROM fleet_repeat ORDER BY next_at, card_id"
    return [Repeat._make(row) for row in session.execute(sql)]


# What the first card of the series is called stands before the time in the id of each other one.
_OF_CARD: Final = f"""
SELECT card.of, made, {_COLUMNS} FROM (
    SELECT id, made, CASE WHEN made THEN regexp_replace(id, '@[^@]*$', '') ELSE id END AS of
    FROM backlog,
        LATERAL (SELECT idempotency_key IS NOT DISTINCT FROM 'repeat ' || id) AS key (made)
    WHERE id = %s
) AS card LEFT JOIN fleet_repeat ON card_id = id OR series = card.of
WHERE made OR card_id IS NOT NULL"""


class Repeated(NamedTuple):
    """What a card has to do with a series, by the id of its first: whether a sweep `made` it, and
    the series as it is, None once it has ended."""

    series: str
    made: bool
    now: Repeat | None


def of_card(session: Session, card_id: str) -> Repeated | None:
    """The series that the card begins, goes on with or was made by; None of most cards."""
    for series, made, *now in session.rows(_OF_CARD, (card_id,)):
        return Repeated(series, made, Repeat._make(now) if now[0] is not None else None)
    return None


def make_due(session: Session) -> list[str]:
    """Make the cards whose time has come, one a series however many times were missed; their ids.

    A series whose newest card is deleted ends. While that is a draft, the times of its series pass,
    and no card is made. Where a card is refused, or its time cannot be told on this host, the id
    says why, and the series comes again at its next time, or in an hour.
    """
    made: list[str] = []
    while (ids := _make_next(session)) is not None:
        made += ids
    return made


# What cannot be told when is tried again after so long.
_TRIED_AGAIN: Final = timedelta(hours=1)


@in_transaction
def _make_next(session: Session) -> list[str] | None:
    """The id of the card that was made, if one was; None: none is due."""
    row = session.execute(_DUE).fetchone()
    if row is None:
        return None
    due, now = Repeat._make(row[:5]), row[5]
    newest = cards.find(session, due.id)
    if newest is None:
        session.execute("DELETE FROM fleet_repeat WHERE card_id = %s", (due.id,))
        return []
    sql = "UPDATE fleet_repeat SET card_id = %s, next_at = %s WHERE card_id = %s"
    card_id, said, later = due.id, due.series, now + _TRIED_AGAIN
    try:
        at = max(due.next_at, cron.latest(due.cron, due.zone, now) or due.next_at)
        said, later = _next_id(due.series, at, due.zone), cron.after(due.cron, due.zone, now)
        if newest.draft:
            raise WrongState(f"{newest.id} is a draft: `plan publish` lets cards follow it")
        with session.transaction():
            card_id = _create(session, said, newest)
    except (DuplicateId, UsageError, WrongState) as refusal:
        said += f" (not made: {refusal})"
    session.execute(sql, (card_id, later, due.id))
    return [said]


def _next_id(series: str, at: datetime, zone: str) -> str:
    """The series and the time. Of a long id of a series as much as there is room for, and a digest
    of it: two that begin alike have cards of their own."""
    time = f"@{cron.written(at, zone)}"
    if len(series) + len(time) <= LONGEST_NAME:
        return f"{series}{time}"
    end = f"~{sha256(series.encode()).hexdigest()[:16]}{time}"
    return series[: LONGEST_NAME - len(end)] + end


def _create(session: Session, card_id: str, newest: Record) -> str:
    """By a key of the series and the time: once, whoever makes it; its id."""
    fields: dict[str, Any] = {name: getattr(newest, name) for name in _COPIED}
    fields = {name: value for name, value in fields.items() if value is not None}
    (fields["gated"],) = session.execute(_OWN_GATE, (newest.id,)).fetchone()
    key = f"repeat {card_id}"
    made = cards.create(session, card_id, newest.title, idempotency_key=key, **fields)
    if made.id != card_id:
        raise DuplicateId(f"{made.id} has the idempotency key {key}")
    return card_id
