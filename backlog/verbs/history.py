"""What happened: the events that the database keeps of every change of a card."""

from datetime import datetime
from typing import Final, NamedTuple

from backlog.session import Session

COLUMNS: Final = "id, card_id, at, actor, verb, from_status, to_status, attempt, note"


class Event(NamedTuple):
    """One change of one card; see `backlog.models.Event`."""

    id: int
    card_id: str
    at: datetime
    actor: str
    verb: str
    from_status: str | None
    to_status: str | None
    attempt: int
    note: str | None


def history(session: Session, card_id: str, limit: int | None = None) -> list[Event]:
    """What happened to a card, the newest `limit` events (None: all), oldest first.

    A deleted card keeps its history; an id that never was has none.
    """
    sql = f"""
        SELECT {COLUMNS} FROM (
            SELECT {COLUMNS} FROM backlog_event WHERE card_id = %s ORDER BY id DESC LIMIT %s
        ) AS newest ORDER BY id"""
    return [Event._make(row) for row in session.execute(sql, (card_id, limit)).fetchall()]


def last_id(session: Session) -> int:
    """The highest id that any event was given, visible or not; 0 if none was."""
    sql = """
        SELECT coalesce(pg_sequence_last_value(
            pg_get_serial_sequence('backlog_event', 'id')::regclass), 0)"""
    last: int = session.execute(sql).fetchone()[0]
    return last


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
