"""Signals: what somebody noticed on looking back at a card, for whoever improves the fleet."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import NotFound
from backlog.session import TELLING, Session, in_pages, in_statement, telling
from fleet.words import KINDS_OF_SIGNALS


class Signal(NamedTuple):
    """One, and what shows it."""

    id: int
    card_id: str
    kind: str
    text: str
    evidence: str | None
    actor: str
    at: datetime


_COLUMNS: Final = ", ".join(f"signal.{name}" for name in Signal._fields)

_SIGNAL: Final = f"""
INSERT INTO fleet_signal AS signal (card_id, kind, text, evidence, actor)
SELECT id, %s, %s, %s, backlog_actor() FROM backlog WHERE id = %s AND {TELLING} IS NOT NULL
RETURNING {_COLUMNS}"""


@in_statement
def signal(
    session: Session, card_id: str, kind: str, text: str, evidence: str, actor: str | None = None
) -> Signal:
    """Record one; the card stays as it is.

    `actor`: who noticed, if it is another than who acts. Raises `NotFound`, `UsageError`.
    """
    values.one_of(kind, "kind", KINDS_OF_SIGNALS)
    said = kind, values.line(text, "text"), values.line(evidence, "evidence")
    for row in session.rows(_SIGNAL, (*said, values.text(card_id, "id"), *telling(actor))):
        return Signal._make(row)
    raise NotFound(f"there is no card {card_id}")


def signals(
    session: Session,
    kind: str | None = None,
    card_id: str | None = None,
    since: datetime | None = None,
) -> Iterator[Signal]:
    """Those of the kind, of the card, since then; oldest first."""
    where, params = _chosen(kind, card_id, since)
    sql = f"SELECT {_COLUMNS} FROM fleet_signal AS signal WHERE {where} ORDER BY id"
    return map(Signal._make, in_pages(session, sql, params))


def counts(
    session: Session, card_id: str | None = None, since: datetime | None = None
) -> dict[str, int]:
    """Of each kind how many there are, of the card, since then."""
    where, params = _chosen(None, card_id, since)
    sql = f"SELECT kind, count(*) FROM fleet_signal WHERE {where} GROUP BY kind"
    found = dict(session.execute(sql, params))
    return {kind: found.get(kind, 0) for kind in KINDS_OF_SIGNALS}


def _chosen(
    kind: str | None, card_id: str | None, since: datetime | None
) -> tuple[str, tuple[Any, ...]]:
    given = {"kind = %s": kind, "card_id = %s": card_id, "at >= %s": since}
    chosen = {sql: value for sql, value in given.items() if value is not None}
    return " AND ".join(chosen) or "true", tuple(chosen.values())
