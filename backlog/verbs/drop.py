"""Dropping a card, which will not be done; and what becomes of those that wait for it."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from backlog import lifecycle, values
from backlog.errors import HasDependents, NotFound, UsageError, WrongState
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, DROPPED, DUPLICATE, READY
from backlog.records import COLUMNS, Record
from backlog.session import TELLING, Session, in_transaction, telling
from backlog.verbs import change, names
from backlog.verbs.cards import find, unfinished_dependents
from backlog.verbs.graph import lock_graph
from backlog.verbs.moves import existing, stale

# Of the reason, so that a note has room for the id before it.
_LONGEST_REASON: Final = lifecycle.LONGEST_TEXT - 1_000

_LOCK: Final = f"""
SELECT {COLUMNS} FROM backlog WHERE id = ANY (%s) ORDER BY id FOR NO KEY UPDATE"""

# What is said of them is said of all: see `backlog_report`.
_DROP: Final = f"""
UPDATE backlog SET status = '{DONE}', resolution = %s, archived_at = clock_timestamp()
WHERE id = ANY (%s) AND status <> '{DONE}' AND {TELLING} IS NOT NULL"""

_BLOCK: Final = f"""
UPDATE backlog SET {change.blocked("dependency", None)[0]}
WHERE id = ANY (%s) AND status = '{READY}' AND {TELLING} IS NOT NULL RETURNING id"""


class Dropped(NamedTuple):
    """The card, and ids of those that wait for it: `dropped` as well, `blocked`, or `left` as they
    are, claimed or blocked before."""

    card: Record
    dropped: list[str]
    blocked: list[str]
    left: list[str]


@in_transaction
def drop(
    session: Session,
    card_id: str,
    reason: str,
    *,
    duplicate_of: str | None = None,
    dependents: str | None = None,
    seen: datetime | None = None,
) -> Dropped:
    """The card will not be done: it is done as dropped, or as a duplicate, and archived.

    Its claim ends as cancelled. If unfinished cards wait for it, `dependents` says what becomes of
    them, one of `lifecycle.WAITING_FOR_DROPPED`; those that are claimed or blocked already are left
    as they are when they are to wait. With `seen`, the `updated_at` the caller saw, the card must
    not have changed since. Raises `NotFound`, `WrongState`, `Stale`, `UsageError`, and
    `HasDependents` if nobody says what becomes of them.
    """
    reason = values.line(reason, "reason", _LONGEST_REASON)
    if dependents is not None:
        values.one_of(dependents, "dependents", lifecycle.WAITING_FOR_DROPPED)
    original = _original(session, card_id, duplicate_of)
    lock_graph(session)
    locked = _locked(session, card_id, all_behind=dependents == lifecycle.DROP_TOO)
    card = existing(card_id, locked.pop(card_id, None))
    if seen is not None and card.updated_at != values.since(seen, "seen"):
        raise stale(card)
    if card.status == DONE:
        raise WrongState(f"cannot drop {card_id}: it is {card.resolution or DONE}; reopen it first")
    waiting = [each for each in locked.values() if each.status != DONE]
    if waiting and dependents is None:
        raise HasDependents(_who_waits(card_id, waiting))
    if dependents == lifecycle.DROP_TOO and original in locked:
        raise UsageError(
            f"{original} waits for {card_id}: it cannot be dropped and be the original"
        )
    resolution, note = (
        (DROPPED, reason) if original is None else (DUPLICATE, f"{original}: {reason}")
    )
    _drop(session, [card_id], resolution, note)
    others = [each.id for each in waiting] if dependents == lifecycle.DROP_TOO else []
    _drop(session, others, DROPPED, reason)
    waits = dependents == lifecycle.WAIT
    blocked = _block(session, card_id, reason, waiting) if waits else []
    left = [each.id for each in waiting if waits and each.id not in blocked]
    return Dropped(existing(card_id, find(session, card_id)), others, blocked, left)


# As much of a note as an id may take, of an earlier version too.
_SAID: Final = """
SELECT left(note, 1000) FROM backlog_event
WHERE card_id = %s AND verb = 'drop' ORDER BY id DESC LIMIT 1"""
_EXISTING: Final = "SELECT id FROM backlog WHERE id = ANY (%s) ORDER BY length(id) DESC LIMIT 1"


def original(session: Session, card_id: str) -> str | None:
    """The id of the card that this one was dropped as a duplicate of, as its history tells; of a
    card that has the resolution `duplicate`. None if its history does not tell, as after an import.
    """
    said = [note for (note,) in session.rows(_SAID, (card_id,))]
    ends = [at for at in range(len(said[0])) if said[0].startswith(": ", at)] if said else []
    # What stands before a colon; an id may have one itself, then it is the longest that there is.
    ids = [said[0][:end] for end in ends]
    there = session.rows(_EXISTING, (ids,)) if ids else []
    return there[0][0] if there else next(iter(ids), None)


def _original(session: Session, card_id: str, given: str | None) -> str | None:
    """The card that this one is a duplicate of. Raises `NotFound`, `UsageError`."""
    if given is None:
        return None
    original = names.found(session, "id", given)
    if original == card_id:
        raise UsageError(f"{card_id} cannot be a duplicate of itself")
    if find(session, original) is None:
        raise NotFound(f"there is no card {original} that {card_id} could be a duplicate of")
    return original


def _locked(session: Session, card_id: str, *, all_behind: bool) -> dict[str, Record]:
    """The card and the unfinished ones that wait for it, `all_behind` through others, too; locked
    in the order of ids, by id.

    Looked for again under the locks: one of them may have been reopened meanwhile.
    """
    locked: dict[str, Record] = {}
    while (ids := _behind(session, card_id, all_behind=all_behind)) - locked.keys():
        locked = {row[0]: Record._make(row) for row in session.execute(_LOCK, (sorted(ids),))}
        if card_id not in locked:
            return {}
    return locked


def _behind(session: Session, card_id: str, *, all_behind: bool) -> set[str]:
    found, last = {card_id}, {card_id}
    while last:
        last = {waiting for waiting, _ in unfinished_dependents(session, sorted(last))} - found
        found |= last
        if not all_behind:
            break
    return found


def _who_waits(card_id: str, waiting: Sequence[Record]) -> str:
    some = ", ".join(each.id for each in waiting[:10])
    more = f", … and {len(waiting) - 10:,} more" if len(waiting) > 10 else ""
    choices = ", ".join(f"{name} ({what})" for name, what in lifecycle.WAITING_FOR_DROPPED.items())
    wait = "waits" if len(waiting) == 1 else "wait"
    return f"cannot drop {card_id}: {some}{more} {wait} for it; say of these dependents: {choices}"


def _drop(session: Session, ids: list[str], resolution: str, note: str) -> None:
    report = values.json_text({"verb": "drop", "outcome": "cancelled", "note": note})
    if ids:
        session.execute(_DROP, (resolution, ids, *telling(report=report)))


def _block(session: Session, card_id: str, reason: str, waiting: Sequence[Record]) -> list[str]:
    """Those of them that are ready; their ids, in order. What is blocked keeps its reason."""
    note = f"waits for {card_id}, which was dropped: {reason}"
    ids = [each.id for each in waiting if each.status not in (CLAIMED, BLOCKED)]
    given = (*change.blocked("dependency", note)[1], ids, *telling())
    return sorted(row[0] for row in session.execute(_BLOCK, given))
