"""What the doctor finds that takes too long: attempts, cards, their verdicts, and drafts."""

from collections.abc import Iterator
from typing import Final

from backlog.records import iso
from backlog.session import Session, in_pages
from backlog.verbs.findings import Finding
from backlog.verbs.overruns import overruns
from backlog.verbs.ways_out import command

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
