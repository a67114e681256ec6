"""The gate: what it decides about cards, and that it is there."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from backlog import values
from backlog.errors import NotFound
from backlog.lifecycle import FLEET, LONGEST_TEXT
from backlog.records import iso
from backlog.session import TELLING, Session, in_pages, in_statement, in_transaction, telling
from backlog.shown import cut
from backlog.verbs.findings import Finding, command
from backlog.verbs.history import DECIDE, say
from backlog.verbs.moves import existing
from backlog.verbs.rules import Pause, pauses
from fleet.words import HELD, MERGED, VERDICTS

_DEFAULT_SECONDS: Final = 900
_MOST_SECONDS: Final = 31_536_000
# What is said of a pause stands before the reason, which has as much less room.
_LONGEST_PAUSE: Final = 1000


class Decision(NamedTuple):
    """What the gate decided about a card; `commit`: what became of it."""

    id: int
    card_id: str
    verdict: str
    reason: str
    actor: str
    at: datetime
    commit: str | None


class Heartbeat(NamedTuple):
    """When a gate was heard of last."""

    name: str
    at: datetime

    @property
    def is_late(self) -> bool:
        """Whether it is away. Raises `UsageError`."""
        return datetime.now(UTC) >= self.late_from

    @property
    def late_from(self) -> datetime:
        """From when on it is away, if it is not heard of until then. Raises `UsageError`."""
        return self.at + timedelta(seconds=patience())


_COLUMNS: Final = ", ".join(f"decision.{name}" for name in Decision._fields)

_DECIDE: Final = f"""
INSERT INTO fleet_decision AS decision (card_id, verdict, reason, actor, commit)
SELECT %s, %s, %s, backlog_actor(), %s WHERE {TELLING} IS NOT NULL RETURNING {_COLUMNS}"""

_HEARD: Final = """
INSERT INTO fleet_heartbeat (name, at) VALUES (%s, coalesce(%s::timestamptz, now()))
ON CONFLICT (name) DO UPDATE SET at = excluded.at RETURNING name, at"""

_NEWEST: Final = "SELECT name, at FROM fleet_heartbeat ORDER BY at DESC, name LIMIT 1"


def patience() -> int:
    """Seconds after which a gate that is not heard of is away. Raises `UsageError`."""
    said = os.environ.get("BACKLOG_GATE_SECONDS") or str(_DEFAULT_SECONDS)
    return values.integer(said, "BACKLOG_GATE_SECONDS", 1, _MOST_SECONDS)


@in_transaction
def decide(
    session: Session,
    card_id: str,
    verdict: str,
    reason: str,
    commit: str | None = None,
    actor: str | None = None,
) -> tuple[Decision, Pause | None]:
    """Put a decision on record: an event of the card, and a heartbeat of whoever decides.

    While the fleet or the card's phase is paused nothing is merged: `merged` is recorded as `held`,
    and the pause is given beside it. The card stays as it is; `complete` is the gate's to say.
    `actor`: who decides, if it is another than who acts. Raises `NotFound`, `UsageError`.
    """
    values.one_of(verdict, "verdict", VERDICTS)
    values.line(reason, "reason", LONGEST_TEXT - _LONGEST_PAUSE)
    commit = commit if commit is None else values.key(commit, "commit")
    paused = _paused(session, card_id) if verdict == MERGED else None
    if paused is not None:
        verdict = HELD
        reason = f"paused ({paused}: {cut(paused.reason, 200)}); was to be merged: {reason}"
    said = f"{verdict}{f' at {commit}' if commit else ''}: {reason}"
    existing(card_id, say(session, values.text(card_id, "id"), DECIDE, said, actor))
    (row,) = session.rows(_DECIDE, (card_id, verdict, reason, commit, *telling(actor)))
    decided = Decision._make(row)
    session.rows(_HEARD, (decided.actor, decided.at))
    return decided, paused


def _paused(session: Session, card_id: str) -> Pause | None:
    """The pause that concerns the card: its fleet's or its phase's."""
    sql = "SELECT 'phase', phase FROM backlog WHERE id = %s"
    of_card = [(FLEET, ""), *session.rows(sql, (values.text(card_id, "id"),))]
    return next((each for each in pauses(session) if (each.scope, each.name) in of_card), None)


def decisions(
    session: Session, card_id: str | None = None, newest: int | None = None
) -> Iterator[Decision]:
    """Those about this card, or all, oldest first: all of them, or the `newest` so many."""
    where, params = ("WHERE card_id = %s", [card_id]) if card_id is not None else ("", [])
    sql = f"""
        SELECT {_COLUMNS} FROM (
            SELECT * FROM fleet_decision {where} ORDER BY id DESC LIMIT %s
        ) AS decision ORDER BY id"""
    return map(Decision._make, in_pages(session, sql, (*params, newest)))


@in_statement
def heartbeat(session: Session, name: str) -> Heartbeat:
    """The gate of that name is there, though it has nothing to decide. Raises `UsageError`."""
    (row,) = session.rows(_HEARD, (values.name(name, "owner"), None))
    return Heartbeat._make(row)


@in_statement
def forget(session: Session, name: str) -> Heartbeat:
    """Nobody waits for that gate any more; what it said last. Raises `NotFound`, `UsageError`."""
    sql = "DELETE FROM fleet_heartbeat WHERE name = %s RETURNING name, at"
    for row in session.rows(sql, (values.text(name, "owner").strip(),)):
        return Heartbeat._make(row)
    raise NotFound(f"no gate {name} was heard of")


def heard(session: Session) -> Heartbeat | None:
    """The last heartbeat of any gate; None: there never was one."""
    rows = session.rows(_NEWEST)
    return Heartbeat._make(rows[0]) if rows else None


def findings(session: Session) -> Iterator[Finding]:
    """For the doctor: that the gate is away."""
    sql = f"SELECT * FROM ({_NEWEST}) AS newest WHERE at < now() - make_interval(secs => %s)"
    seconds = patience()
    for name, at in session.rows(sql, (seconds,)):
        message = (
            f"not heard of since {iso(at)}, for longer than {seconds} s: start it, or forget it"
        )
        out = command("heartbeat", "--owner", name, "--off")
        yield Finding("gate", message, out, scope="owner", name=name)
