"""Attempts that take longer than their cards allow, though their leases are renewed."""

from typing import Final, NamedTuple

from backlog.session import TELLING, Session, in_statement, telling
from backlog.verbs.runs import Report

# What a worker has to end its command itself.
GRACE_SECONDS: Final = 60

# Of what is claimed, which an index has: a claim began when the status changed.
TOO_LONG: Final = """claim_expires_at IS NOT NULL AND max_runtime IS NOT NULL
    AND status_changed_at + make_interval(secs => max_runtime::float8 + {grace}) < now()"""

_FIND: Final = f"""
SELECT id, claim_owner, attempts, max_runtime FROM backlog WHERE {TOO_LONG} ORDER BY id LIMIT %s"""

# In this attempt alone; what others change at this moment is left to them.
_END: Final = f"""
UPDATE backlog SET status = 'ready' WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM backlog WHERE id = %s AND claim_owner = %s AND attempts = %s
    FOR NO KEY UPDATE SKIP LOCKED)) AND {TELLING} IS NOT NULL RETURNING id"""


class Overrun(NamedTuple):
    """A claim that is older than its card allows."""

    id: str
    owner: str
    attempt: int
    max_runtime: int


def overruns(session: Session, limit: int | None = None, grace: int = 0) -> list[Overrun]:
    """Attempts that have taken longer than their card's `max_runtime` by so many seconds."""
    rows = session.execute(_FIND.format(grace=grace), (limit,)).fetchall()
    return [Overrun._make(row) for row in rows]


def end_overruns(session: Session) -> list[str]:
    """Give back, as failed, what has run too long by `GRACE_SECONDS`; the ids, in order."""
    return [each.id for each in overruns(session, grace=GRACE_SECONDS) if _end(session, each)]


@in_statement
def _end(session: Session, over: Overrun) -> bool:
    summary = f"ran longer than its max_runtime of {over.max_runtime} s"
    said = Report(summary=summary, outcome="failed").text(over.id, back=True)
    given = (over.id, over.owner, over.attempt, *telling(report=said))
    return bool(session.execute(_END, given).fetchall())
