"""What takes too long: attempts, though their leases are renewed; cards, their verdicts, drafts."""

from collections.abc import Iterator
from typing import Final, NamedTuple

from backlog.records import iso
from backlog.session import TELLING, Session, in_pages, in_statement, telling
from backlog.verbs.findings import Finding, command
from backlog.verbs.runs import Report

OVERRUN: Final = "overrun"
LATE: Final = "late"
REVIEW: Final = "review"
DRAFT: Final = "draft"

# Reviews by people, too, come within a day. A plan is published within a week, or forgotten.
LONG_IN_REVIEW: Final = """status = 'blocked' AND block_reason = 'in_review'
    AND status_changed_at < now() - interval '1 day'"""
_LONG_A_DRAFT: Final = "updated_at <= now() - interval '7 days'"


def overrun(session: Session, limit: int | None = None) -> Iterator[Finding]:
    """Attempts that go on for longer than their cards allow."""
    for card, owner, attempt, seconds in overruns(session, limit):
        message = f"attempt {attempt} of {owner} runs longer than its max_runtime of {seconds} s"
        yield Finding(OVERRUN, message, command("reclaim", "--id", card), id=card, note=owner)


def late(session: Session) -> Iterator[Finding]:
    """What should be done by now."""
    sql = "SELECT id, due FROM backlog WHERE due <= now() AND status <> 'done' ORDER BY due, id"
    for card, due in in_pages(session, sql):
        yield Finding(LATE, f"due {iso(due)}", command("explain", "--id", card), id=card)


def long_in_review(session: Session, limit: int | None = None) -> Iterator[Finding]:
    """What waits for its verdicts for long, or has them all and waits to be completed."""
    sql = f"""
        SELECT id, status_changed_at, cardinality(backlog_open_criteria(backlog)) FROM backlog
        WHERE {LONG_IN_REVIEW} ORDER BY status_changed_at, id LIMIT %s"""
    for card, since, still in in_pages(session, sql, (limit,)):
        needs = f"waits for {still} to pass" if still else "all has passed"
        out = command("verdicts" if still else "complete", "--id", card)
        yield Finding(REVIEW, f"in review since {iso(since)}: {needs}", out, id=card, count=still)


def old_drafts(session: Session) -> Iterator[Finding]:
    """Drafts that nobody has touched for long."""
    sql = f"""
        SELECT id, extract(day FROM now() - updated_at)::int FROM backlog
        WHERE draft AND status = 'ready' AND {_LONG_A_DRAFT} ORDER BY id"""
    for card, days in in_pages(session, sql):
        message = f"a draft, untouched for {days} days: not claimed before it is published"
        yield Finding(DRAFT, message, command("edit", "--id", card, "--draft", "off"), id=card)


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
    return [Overrun._make(row) for row in session.execute(_FIND.format(grace=grace), (limit,))]


def end_overruns(session: Session) -> list[str]:
    """Give back, as failed, what has run too long by `GRACE_SECONDS`; the ids, in order."""
    return [each.id for each in overruns(session, grace=GRACE_SECONDS) if _end(session, each)]


@in_statement
def _end(session: Session, over: Overrun) -> bool:
    summary = f"ran longer than its max_runtime of {over.max_runtime} s"
    said = Report(summary=summary, outcome="failed").text(over.id, back=True)
    given = (over.id, over.owner, over.attempt, *telling(report=said))
    return bool(session.execute(_END, given).fetchall())
