"""What a move changes of a card, as SQL, and what it says of it: for one card and for many."""

from typing import Any, Final

from backlog import values
from backlog.lifecycle import CANCELLED, DEFAULT_BLOCK_REASON, LONGEST_TEXT
from backlog.verbs.runs import Report

Changes = tuple[str, tuple[Any, ...]]

# The triggers clear the claim of a card that leaves it, whoever moves it; in the statement it is
# cheaper, and a completion is half of a worker's cycle.
DONE: Final[Changes] = (
    "status = 'done', claim_owner = NULL, claim_ttl_seconds = NULL, claimed_at = NULL",
    (),
)
# Of one card alone; a statement about many sets this column to something of its own.
DONE_ALONE: Final[Changes] = (f"{DONE[0]}, claim_expires_at = NULL", ())


def cancelled(reason: str | None) -> Changes:
    """What a cancellation changes. Raises `UsageError`."""
    room = LONGEST_TEXT - len(f"{CANCELLED}: ")
    why = None if reason is None else values.line(reason, "reason", room)
    note = CANCELLED if why is None else f"{CANCELLED}: {why}"
    return blocked(DEFAULT_BLOCK_REASON, note)


def said_cancelled(card_id: str) -> str:
    """What a cancellation tells the triggers. Raises `UsageError`."""
    return Report(outcome="cancelled").text(card_id, "cancel")


def blocked(reason: str, note: str | None) -> Changes:
    """What a block changes. Raises `UsageError`."""
    return "status = 'blocked', block_reason = %s, block_note = %s", (
        values.block_reason(reason),
        None if note is None else values.optional(note, "note"),
    )


def unblocked(note: str | None) -> Changes:
    """What an unblock changes. Raises `UsageError`."""
    return "status = 'ready', answer = %s", (
        None if note is None else values.optional(note, "note"),
    )


def given_back(delay: int | None) -> Changes:
    """What a release changes. Raises `UsageError`."""
    if delay is None:
        return "status = 'ready'", ()
    changes = "status = 'ready', not_before = clock_timestamp() + make_interval(secs => %s)"
    return changes, (values.at_least(delay, "delay", 0),)


def said_back(report: Report, card_id: str) -> str:
    """What a release tells the triggers. Raises `UsageError`."""
    # Said, not inferred: a lease that is over is still given back by whoever says so.
    return report._replace(outcome=report.outcome or "released").text(card_id, back=True)


def renewed(ttl: int | None) -> Changes:
    """What a renewal changes. Raises `UsageError`."""
    changes = (
        "claimed_at = clock_timestamp(), claim_ttl_seconds = coalesce(%s, {row}.claim_ttl_seconds)"
    )
    return changes, (None if ttl is None else values.ttl(ttl),)
