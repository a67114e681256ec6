"""What happened: the events that the database keeps of every change of a card."""

from datetime import datetime
from typing import Final, NamedTuple

from backlog.session import Session

_COLUMNS: Final = "id, card_id, at, actor, verb, from_status, to_status, attempt, note"


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
        SELECT {_COLUMNS} FROM (
            SELECT {_COLUMNS} FROM backlog_event WHERE card_id = %s ORDER BY id DESC LIMIT %s
        ) AS newest ORDER BY id"""
    return [Event._make(row) for row in session.execute(sql, (card_id, limit)).fetchall()]
