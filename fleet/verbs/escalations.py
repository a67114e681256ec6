"""Escalations: what an operator is asked to see to, again and again until somebody says they do."""

import os
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, WrongState
from backlog.lifecycle import FLEET, MOST_COUNTED
from backlog.records import iso
from backlog.session import TELLING, Session, in_pages, in_statement, in_transaction, telling
from backlog.verbs.findings import Finding, command
from backlog.verbs.history import ESCALATE, say
from backlog.verbs.moves import existing
from fleet.words import RESOLVED, state_of

# Until one that nobody acknowledges is raised again; twice as long each time, up to a year.
_DEFAULT_SECONDS: Final = 3600
_LONGEST_SECONDS: Final = 31_536_000
# As many are raised again in one pass, and as many are counted.
_BATCH: Final = 1000


class Escalation(NamedTuple):
    """One, about a card or (None) about none. `raised` is how often it was, `again_at` when it is
    next; None once somebody has acknowledged it."""

    id: int
    card_id: str | None
    reason: str
    actor: str
    raised_at: datetime
    raised: int
    again_at: datetime | None
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    resolved_at: datetime | None
    resolved_by: str | None
    resolution: str | None

    @property
    def state(self) -> str:
        """Whether somebody sees to it, or has."""
        return state_of(self)


_COLUMNS: Final = ", ".join(f"escalation.{name}" for name in Escalation._fields)

_RAISE: Final = f"""
INSERT INTO fleet_escalation AS escalation (card_id, reason, actor, again_at)
SELECT %s, %s, backlog_actor(), statement_timestamp() + make_interval(secs => %s)
WHERE {TELLING} IS NOT NULL RETURNING {_COLUMNS}"""

# Any number of sweeps may come at once: each takes what no other has, and what is raised by then
# is not due any more.
_AGAIN: Final = f"""
WITH due AS MATERIALIZED (
    SELECT id FROM fleet_escalation
    WHERE resolved_at IS NULL AND acknowledged_at IS NULL AND again_at <= now()
    ORDER BY id LIMIT {_BATCH} FOR UPDATE SKIP LOCKED
)
UPDATE fleet_escalation AS escalation SET
    raised = least(escalation.raised + 1, {MOST_COUNTED}),
    again_at = now() + make_interval(
        secs => least(%s * 2 ^ least(escalation.raised, 30), {_LONGEST_SECONDS}))
FROM due WHERE escalation.id = due.id RETURNING {_COLUMNS}"""

_ACKNOWLEDGE: Final = f"""
UPDATE fleet_escalation AS escalation SET
    acknowledged_at = now(), acknowledged_by = backlog_actor(), again_at = NULL
WHERE id = %s AND acknowledged_at IS NULL AND resolved_at IS NULL
    AND {TELLING} IS NOT NULL RETURNING {_COLUMNS}"""

_RESOLVE: Final = f"""
UPDATE fleet_escalation AS escalation SET
    resolved_at = now(), resolved_by = backlog_actor(), resolution = %s, again_at = NULL
WHERE id = %s AND resolved_at IS NULL AND {TELLING} IS NOT NULL RETURNING {_COLUMNS}"""

_UNANSWERED: Final = """
FROM fleet_escalation WHERE resolved_at IS NULL AND acknowledged_at IS NULL"""


def patience() -> int:
    """Seconds until one that nobody acknowledges is raised again. Raises `UsageError`."""
    said = os.environ.get("BACKLOG_ESCALATE_SECONDS") or str(_DEFAULT_SECONDS)
    return values.integer(said, "BACKLOG_ESCALATE_SECONDS", 1, _LONGEST_SECONDS)


@in_transaction
def escalate(
    session: Session, reason: str, card_id: str | None = None, actor: str | None = None
) -> Escalation:
    """Ask an operator to see to something, of a card or not; an event of the card.

    `actor`: who asks, if it is another than who acts. Raises `NotFound`, `UsageError`.
    """
    values.line(reason, "reason")
    if card_id is not None:
        existing(card_id, say(session, values.text(card_id, "id"), ESCALATE, reason, actor))
    (row,) = session.rows(_RAISE, (card_id, reason, patience(), *telling(actor)))
    return Escalation._make(row)


@in_transaction
def raise_again(session: Session) -> list[str]:
    """Raise what is due and nobody acknowledged, each an event of its card; their numbers."""
    raised = [Escalation._make(row) for row in session.rows(_AGAIN, (patience(),))]
    for each in raised:
        if each.card_id is not None:  # it may be deleted by now
            say(session, each.card_id, ESCALATE, f"{each.reason} (raised {each.raised} times)")
    return [str(each.id) for each in raised]


@in_statement
def ack(session: Session, number: int, actor: str | None = None) -> Escalation:
    """Somebody (`actor`; else who acts) sees to it, so it is not raised again; once they do, it
    stays as it is. Raises `NotFound`, `WrongState` of one that is resolved."""
    rows = session.rows(_ACKNOWLEDGE, (number, *telling(actor)))
    found = Escalation._make(rows[0]) if rows else _found(session, number)
    if found.state == RESOLVED:
        raise _is_resolved(found)
    return found


@in_statement
def resolve(
    session: Session, number: int, note: str | None = None, actor: str | None = None
) -> Escalation:
    """It is seen to; `note`: what came of it. Raises `NotFound`, `WrongState`, `UsageError`."""
    said = None if note is None else values.optional(note, "note")
    rows = session.rows(_RESOLVE, (said, number, *telling(actor)))
    if not rows:
        raise _is_resolved(_found(session, number))
    return Escalation._make(rows[0])


def escalations(session: Session, *, resolved: bool = False) -> Iterator[Escalation]:
    """Those that are not resolved, oldest first; with `resolved` all of them."""
    which = "" if resolved else "WHERE resolved_at IS NULL"
    sql = f"SELECT {_COLUMNS} FROM fleet_escalation AS escalation {which} ORDER BY id"
    return map(Escalation._make, in_pages(session, sql))


def unanswered(session: Session) -> int:
    """How many nobody has acknowledged, counted up to a thousand."""
    sql = f"SELECT count(*) FROM (SELECT {_UNANSWERED} LIMIT {_BATCH}) AS few"
    return int(session.rows(sql)[0][0])


def findings(session: Session) -> Iterator[Finding]:
    """For the doctor: that some wait for an operator."""
    count, oldest = session.rows(f"SELECT count(*), min(raised_at) {_UNANSWERED}")[0]
    if count:
        are = "1 escalation waits" if count == 1 else f"{count} escalations wait"
        message = f"{are} for somebody to acknowledge, the oldest since {iso(oldest)}"
        yield Finding("escalated", message, command("escalations"), scope=FLEET, count=count)


def _found(session: Session, number: int) -> Escalation:
    sql = f"SELECT {_COLUMNS} FROM fleet_escalation AS escalation WHERE id = %s"
    for row in session.rows(sql, (number,)):
        return Escalation._make(row)
    raise NotFound(f"there is no escalation {number}; `escalations` lists them")


def _is_resolved(found: Escalation) -> WrongState:
    at = iso(found.resolved_at) if found.resolved_at else "-"
    said = f"escalation {found.id} was resolved by {found.resolved_by} at {at}"
    return WrongState(f"{said}; `escalate` raises another")
