"""Gates: phases whose cards are done only with their verdicts; see `backlog.verbs.verdicts`."""

from datetime import datetime
from typing import Final, NamedTuple

from backlog import values
from backlog.errors import NotFound
from backlog.lifecycle import LATEST
from backlog.session import Session, in_transaction
from backlog.verbs import names, rules
from backlog.verbs.rules import Pause

# What comes into the phase waits (`backlog_lock_phase`), and sees the rule when it goes on.
_LOCK: Final = "SELECT pg_advisory_xact_lock(1650549611, -1024 - (hashtext(%s) & 1023))"

# Claims need not heed it: it is due at the end of times.
_GATE: Final = """
INSERT INTO backlog_rule (kind, scope, name, actor, due)
VALUES ('gate', 'phase', %s, backlog_actor(), %s) ON CONFLICT DO NOTHING"""

# Locked in the order of ids, as whatever changes many cards. What is gated by itself stays so.
_MARK: Final = """
UPDATE backlog SET gated = %s WHERE id = ANY (ARRAY(
    SELECT id FROM backlog WHERE phase = %s AND status <> 'done' AND gated <> %s AND NOT own_gate
    ORDER BY id FOR NO KEY UPDATE))
RETURNING status = 'blocked' AND block_reason = 'in_review'"""

_GATES: Final = """
SELECT rule.name, count(*) FILTER (WHERE gated), count(*) FILTER (
    WHERE gated AND status = 'blocked' AND block_reason = 'in_review'), actor, since
FROM backlog_rule AS rule LEFT JOIN backlog ON phase = rule.name AND status <> 'done'
WHERE kind = 'gate' AND rule.name = coalesce(%s, rule.name)
GROUP BY rule.name, actor, since ORDER BY rule.name"""


class Gate(NamedTuple):
    """A gated phase: how many cards of it are gated and not done, and how many of them in review;
    who gated it, and when."""

    phase: str
    cards: int
    in_review: int
    actor: str
    since: datetime


class Ungated(NamedTuple):
    """A phase whose gate is gone, how many cards are gated no longer, how many of them in review:
    `complete` finishes those."""

    phase: str
    cards: int
    in_review: int


@in_transaction
def gate(session: Session, phase: str) -> Gate:
    """From now on the cards of this phase are gated: those that are not done, and all that come.

    Raises `UsageError`. See `of_nothing`.
    """
    phase = names.of_rule(session, "phase", phase, "phase")
    session.execute(_LOCK, (phase,))
    session.execute(_GATE, (phase, LATEST))
    session.execute(_MARK, (True, phase, True))
    return gates(session, phase)[0]


@in_transaction
def ungate(session: Session, phase: str) -> Ungated:
    """The cards of this phase that are not done are gated no longer, but for those that are so by
    themselves. Raises `NotFound`."""
    name = values.line(phase, "phase")
    phase = next((each for each in (name, name.strip()) if gates(session, each)), name)
    session.execute(_LOCK, (phase,))
    sql = "DELETE FROM backlog_rule WHERE (kind, scope, name) = ('gate', 'phase', %s)"
    if not session.execute(sql, (phase,)).rowcount:
        raise NotFound(f"phase {phase} is not gated")
    rows = session.execute(_MARK, (False, phase, False)).fetchall()
    return Ungated(phase, len(rows), sum(in_review for (in_review,) in rows))


def gates(session: Session, phase: str | None = None) -> list[Gate]:
    """Every gated phase, by name; or this one, if it is gated."""
    return [Gate._make(row) for row in session.execute(_GATES, (phase,))]


def of_nothing(session: Session, made: Gate) -> str | None:
    """As `rules.of_nothing`."""
    return rules.of_nothing(session, Pause("phase", made.phase, "", made.actor, made.since))
