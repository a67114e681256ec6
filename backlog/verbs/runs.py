"""Runs: every attempt at a card, how it ended, and what the worker said of it."""

import os
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.lifecycle import DEFAULT_MAX_ATTEMPTS, MOST_COUNTED, OUTCOMES
from backlog.session import Session

_COLUMNS: Final = """card_id, attempt, owner, started_at, ended_at, outcome, summary, result::text,
    tokens, cost"""


class Report(NamedTuple):
    """What a worker says of its attempt as it ends it.

    `result` is JSON text, `cost` decimal text. `outcome` replaces the one that the move means
    (a release that is a failure); an attempt that is not `counted` leaves the cap as far away as
    it was.
    """

    summary: str | None = None
    result: str | None = None
    tokens: int | None = None
    cost: str | None = None
    outcome: str | None = None
    counted: bool = True

    @property
    def spends(self) -> bool:
        """Whether it counts towards a budget."""
        return self.tokens is not None or self.cost is not None

    def text(self, card_id: str | None, verb: str | None = None, *, back: bool = False) -> str:
        """For the triggers; empty if nothing is said. Raises `UsageError`.

        It is said of this card alone, or (None) of every card that moves. One that may go `back` to
        the pool must know how many attempts a card has that names none itself.
        """
        if self == Report() and verb is None and not back:
            return ""
        said: dict[str, Any] = {
            "card": None if card_id is None else values.text(card_id, "id"),
            "cap": default_cap() if back else None,
            "verb": verb,
            "outcome": self.outcome and values.one_of(self.outcome, "outcome", OUTCOMES),
            "summary": self.summary and values.optional(self.summary, "summary"),
            "tokens": None if self.tokens is None else values.tokens(self.tokens, "tokens"),
            "cost": None if self.cost is None else values.cost(self.cost, "cost"),
            "counted": None if self.counted else False,
        }
        given = {key: value for key, value in said.items() if value is not None}
        parts = [f'"{key}":{values.json_text(value)}' for key, value in given.items()]
        if self.result is not None:
            parts.append(f'"result":{values.document(self.result, "result")}')
        return "{" + ",".join(parts) + "}"


def default_cap() -> int:
    """How many attempts a card has that names no cap itself; 0: no cap. Raises `UsageError`."""
    said = os.environ.get("BACKLOG_MAX_ATTEMPTS") or str(DEFAULT_MAX_ATTEMPTS)
    return values.integer(said, "BACKLOG_MAX_ATTEMPTS", 0, MOST_COUNTED)


class Run(NamedTuple):
    """One attempt at a card, over or (with no end and no outcome) going on.

    `attempt` is None for a completion without a claim. `result` is JSON text, `cost` a `Decimal`.
    """

    card_id: str
    attempt: int | None
    owner: str
    started_at: datetime
    ended_at: datetime | None
    outcome: str | None
    summary: str | None
    result: str | None
    tokens: int | None
    cost: Any


def runs(session: Session, card_id: str, limit: int | None = None) -> list[Run]:
    """The newest `limit` runs of a card (None: all), oldest first; one that is open is the last."""
    sql = f"""
        SELECT {_COLUMNS} FROM (
            SELECT * FROM backlog_run WHERE card_id = %s ORDER BY id DESC LIMIT %s
        ) AS newest ORDER BY id"""
    return [Run._make(row) for row in session.execute(sql, (card_id, limit))]


def ended(session: Session, card_id: str, attempt: int | None, owner: str | None) -> str | None:
    """How this attempt (None: the owner's last one) ended; None if it did not."""
    sql = """
        SELECT outcome FROM backlog_ended_run
        WHERE card_id = %s AND (attempt = %s OR %s::int IS NULL AND owner = %s)
        ORDER BY id DESC LIMIT 1"""
    row = session.execute(sql, (card_id, attempt, attempt, owner)).fetchone()
    return str(row[0]) if row else None
