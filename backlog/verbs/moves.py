"""Moves of a card: complete, block, cancel, unblock, reopen, release, renew, reclaim.

They give the card as it is then. With `texts=False`, for who only moves it, its body and its
acceptance are not read: they are None then, whatever they are.
"""

from datetime import datetime
from functools import cache, lru_cache
from typing import Any, Final, NamedTuple

from backlog import lifecycle, values
from backlog.errors import Cancelled, ClaimLost, NotAccepted, NotFound, Stale, WrongState
from backlog.lifecycle import BLOCKED, CLAIMED, DEFAULT_BLOCK_REASON, Move
from backlog.planner import unindexed
from backlog.records import COLUMNS, WITHOUT_TEXTS, Record, iso
from backlog.session import TELLING, Session, Statement, as_refusal, in_statement, telling
from backlog.verbs import change
from backlog.verbs.change import Changes
from backlog.verbs.pool import EVERYTHING, Condition
from backlog.verbs.runs import Report, ended

NOTHING_SAID: Final = Report()

# The usual case: the card may move. The scan is by id alone; see `_conditions`.
_MOVE: Final = f"""
UPDATE backlog SET {{changes}} WHERE id = %s AND {{condition}} AND {TELLING} IS NOT NULL
RETURNING {{columns}}"""

# The other: wait for the card, move it if it may by now, and tell how it was found.
_WAIT_AND_MOVE: Final = f"""
WITH found AS MATERIALIZED (
    SELECT * FROM backlog WHERE id = %s FOR NO KEY UPDATE
), moved AS (
    UPDATE backlog SET {{changes}} FROM found WHERE backlog.id = found.id AND {{condition}}
    AND {TELLING} IS NOT NULL RETURNING backlog.*
)
SELECT true, {{columns}} FROM moved AS backlog
UNION ALL
SELECT false, {{columns}} FROM found AS backlog WHERE NOT EXISTS (SELECT FROM moved)"""


# What a statement in the same trip asks: whether a card was moved, by the mark of this trip. Trips
# of one transaction have marks of their own: a setting stays until it ends.
_MOVE_AND_TELL: Final = _MOVE.replace(
    "RETURNING", "RETURNING set_config('backlog.moved', %s, true),"
)
MOVED: Final = "current_setting('backlog.moved', true) = %s"


class Expected(NamedTuple):
    """What the caller takes for granted: who holds the card, since when it is as it is."""

    owner: str | None = None
    attempt: int | None = None
    seen: datetime | None = None

    @property
    def owned(self) -> bool:
        return self.owner is not None or self.attempt is not None

    def check(self) -> None:
        """Raise `UsageError` for what no card could be."""
        if self.owner is not None:
            values.text(self.owner, "owner")
        if self.attempt is not None:
            values.at_least(self.attempt, "attempt", 0)
        if self.seen is not None:
            values.since(self.seen, "seen")

    def conditions(self, sources: tuple[str, ...]) -> tuple[str, tuple[Any, ...]]:
        """SQL about `{row}`: it has one of these statuses, and is as expected; its parameters."""
        given = tuple([value for value in self if value is not None])
        return _conditions(sources, *[value is not None for value in self]), given


@cache
def _conditions(sources: tuple[str, ...], owner: bool, attempt: bool, seen: bool) -> str:
    # The statuses, which are no caller's, stand in the text: psycopg is slow to send a list.
    statuses = "', '".join(sources)
    parts = {
        f"{unindexed('{row}.status')} IN ('{statuses}')": True,
        "{row}.claim_owner = %s": owner,
        "{row}.attempts = %s": attempt,
        "{row}.updated_at = %s": seen,
    }
    return " AND ".join(sql for sql, wanted in parts.items() if wanted)


def complete(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    seen: datetime | None = None,
    report: Report = NOTHING_SAID,
    texts: bool = True,
) -> Record | None:
    """Finish a card: done, its claim released, its dependents one step closer.

    With `owner` or `attempt` the card must be claimed so; with `seen`, the `updated_at` the caller
    saw, it must not have changed since. None if the card does not exist. Raises `ClaimLost`,
    `Stale`, or `WrongState` from blocked. A done card stays as it is. One that is gated goes from
    its worker into review, unless all of its criteria have passed; from review and from ready it is
    refused then, as `NotAccepted`.
    """
    expected, changes = Expected(owner, attempt, seen), change.DONE_ALONE
    said = report.text(card_id)
    return transition(session, lifecycle.COMPLETE, card_id, expected, said, changes, texts=texts)


def holding(card_id: str, owner: str, attempt: int | None, report: Report) -> Condition:
    """That a worker holds the card: SQL about `{row}`. The parameters begin with the card's id and
    end with what `telling` gives. Raises `UsageError`.
    """
    values.text(card_id, "id")
    expected = Expected(owner, attempt)
    expected.check()
    condition, given = expected.conditions((CLAIMED,))
    return condition, (card_id, *given, *telling(owner, report.text(card_id)))


def completion(held: Condition, texts: bool, mark: str) -> Statement:
    """The statement of `complete` in the usual case, `holding`.

    Its row begins with the mark. What comes after it in the same trip asks `MOVED`, of that mark.
    """
    condition, params = held
    return _sql(_MOVE_AND_TELL, change.DONE_ALONE[0], condition, "backlog", texts), (*params, mark)


def block(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    reason: str = DEFAULT_BLOCK_REASON,
    note: str | None = None,
    seen: datetime | None = None,
    report: Report = NOTHING_SAID,
    texts: bool = True,
) -> Record | None:
    """Take a card out of the pool until it is unblocked.

    `reason` is one of `lifecycle.GIVEN_REASONS`, `note` says more. `owner`, `attempt`, `seen` and
    what is given and raised are those of `complete`, but `WrongState` is from done. A blocked card
    stays as it is.
    """
    expected, changes = Expected(owner, attempt, seen), change.blocked(reason, note)
    said = report.text(card_id)
    return transition(session, lifecycle.BLOCK, card_id, expected, said, changes, texts=texts)


def cancel(
    session: Session, card_id: str, *, reason: str | None = None, seen: datetime | None = None
) -> Record | None:
    """Take a card from its worker and out of the pool, blocked, at once.

    Whoever works on it is told by the next renewal, or whatever else it says of this attempt: it is
    refused as `Cancelled`. None if the card does not exist. Raises `WrongState` from done, `Stale`.
    """
    said, changes = change.said_cancelled(card_id), change.cancelled(reason)
    return transition(session, lifecycle.CANCEL, card_id, Expected(seen=seen), said, changes)


def unblock(
    session: Session, card_id: str, *, note: str | None = None, seen: datetime | None = None
) -> Record:
    """A blocked card is ready again; `note` is the answer, which its next attempts are given.

    Raises `NotFound`, `WrongState`, `Stale`.
    """
    changes, expected = change.unblocked(note), Expected(seen=seen)
    card = transition(session, lifecycle.UNBLOCK, card_id, expected, changes=changes)
    return existing(card_id, card)


def reopen(session: Session, card_id: str, *, seen: datetime | None = None) -> Record:
    """A done card is ready again; dependents not yet done wait for it.

    Raises `NotFound`, `WrongState`, `Stale`.
    """
    return existing(card_id, transition(session, lifecycle.REOPEN, card_id, Expected(seen=seen)))


def release(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    delay: int | None = None,
    seen: datetime | None = None,
    report: Report = NOTHING_SAID,
    texts: bool = True,
) -> Record:
    """Give a claimed card back; with `delay`, it is claimable after so many seconds only.

    After its last attempt (`max_attempts`) it is blocked instead. Raises `NotFound`,
    `WrongState`, `ClaimLost`, `Stale`.
    """
    expected, changes = Expected(owner, attempt, seen), change.given_back(delay)
    said = change.said_back(report, card_id)
    card = transition(session, lifecycle.RELEASE, card_id, expected, said, changes, texts=texts)
    return existing(card_id, card)


def renew(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    ttl: int | None = None,
    *,
    texts: bool = True,
) -> Record:
    """Extend the lease to `ttl` seconds from now (None: as long as before).

    A lease that is over may still be renewed while nobody has reclaimed the card. One whose card
    was cancelled raises `Cancelled`; else `NotFound`, `WrongState`, `ClaimLost`. `updated_at`
    stays: a heartbeat is no change of the card.
    """
    expected, changes = Expected(owner, attempt), change.renewed(ttl)
    card = transition(session, lifecycle.RENEW, card_id, expected, "", changes, texts=texts)
    return existing(card_id, card)


@in_statement
def reclaim(session: Session, among: Condition = EVERYTHING) -> list[str]:
    """Return every card whose lease is over to the pool; their ids, in order.

    A card that somebody is changing at this moment (renewing, completing) is left to them; one that
    has had its last attempt is blocked instead.
    """
    condition, params = among
    sql = f"""
        WITH expired AS MATERIALIZED (
            SELECT id FROM backlog WHERE claim_expires_at <= now(){condition}
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE backlog SET status = 'ready' FROM expired
        WHERE backlog.id = expired.id AND {TELLING} IS NOT NULL RETURNING backlog.id"""
    params = (*params, *telling(report=Report().text(None, back=True)))
    return sorted(row[0] for row in session.execute(sql, params))


def reclaim_card(session: Session, card_id: str, *, seen: datetime | None = None) -> list[str]:
    """Return this card to the pool if it is claimed, whatever its lease; its id, or nothing.

    Raises `Stale`.
    """
    values.text(card_id, "id")
    expected = Expected(seen=seen)
    expected.check()
    condition, given = expected.conditions((CLAIMED,))
    wanted = (*given, *telling(report=Report().text(card_id, "reclaim", back=True)))
    moved, card = move_card(session, card_id, "status = 'ready'", (), condition, wanted, False)
    if not moved and card is not None and seen not in (None, card.updated_at):
        raise stale(card)
    return [card_id] if moved else []


def transition(
    session: Session,
    move: Move,
    card_id: str,
    expected: Expected,
    report: str = "",
    changes: Changes | None = None,
    *,
    texts: bool = True,
) -> Record | None:
    """Move one card by its id; None if it does not exist.

    Raises `WrongState`, `ClaimLost`, `Cancelled`, `Stale`, `NotAccepted`.
    """
    values.text(card_id, "id")
    expected.check()
    what, params = changes or ("status = %s", (move.to,))
    condition, given = expected.conditions((CLAIMED,) if expected.owned else move.sources)
    if move.reason is not None:
        condition = f"{condition} AND {{row}}.block_reason = '{move.reason}'"
    wanted = (*given, *telling(expected.owner, report))
    try:
        moved, card = move_card(session, card_id, what, params, condition, wanted, texts)
    except Exception as error:
        refusal = as_refusal(error)
        if isinstance(refusal, NotAccepted):
            raise refusal from error
        raise
    if expected.owned and not moved:
        raise _lost(session, move.verb, card_id, expected, card)
    if moved or card is None:
        return card
    if expected.seen is not None and card.updated_at != expected.seen:
        raise stale(card)
    if move.settled and card.status == move.to:
        return card
    if card.in_review and move is lifecycle.COMPLETE:
        return transition(
            session, lifecycle.ACCEPT, card_id, expected, report, changes, texts=texts
        )
    raise WrongState(f"cannot {move.verb} {card_id}: it is {card.status}; {move.otherwise}")


@lru_cache(maxsize=128)  # a new text, though equal, makes psycopg's own look-ups slower
def _sql(template: str, changes: str, condition: str, row: str, texts: bool) -> str:
    columns = COLUMNS if texts else WITHOUT_TEXTS
    return template.format(changes=changes, condition=condition, columns=columns).format(row=row)


@in_statement
def move_card(
    session: Session,
    card_id: str,
    changes: str,
    assigned: tuple[Any, ...],
    condition: str,
    wanted: tuple[Any, ...],
    texts: bool = True,
) -> tuple[bool, Record | None]:
    """Whether the card met the condition and was changed, and the card as it is then, if any.

    `{row}` in `changes` and `condition` stands for the card as it was; `wanted` ends with what
    `telling` gives.
    """
    sql = _sql(_MOVE, changes, condition, "backlog", texts)
    for row in session.rows(sql, (*assigned, card_id, *wanted)):
        return True, Record._make(row)
    sql = _sql(_WAIT_AND_MOVE, changes, condition, "found", texts)
    for moved, *row in session.rows(sql, (card_id, *assigned, *wanted)):
        return moved, Record._make(row)
    return False, None


def stale(card: Record) -> Stale:
    """The refusal for a caller who saw another state of this card."""
    return Stale(f"{card.id} was changed at {iso(card.updated_at)}; look at it again")


def existing[T](card_id: str, found: T | None) -> T:
    """The card, or what was found of it. Raises `NotFound` if it is None."""
    if found is None:
        raise NotFound(f"there is no card {card_id}")
    return found


def _lost(
    session: Session, verb: str, card_id: str, expected: Expected, card: Record | None
) -> ClaimLost:
    if card is None:
        return ClaimLost(
            f"cannot {verb} {card_id}: it does not exist (any more); stop working on it"
        )
    if ended(session, card_id, expected.attempt, expected.owner) == "cancelled":
        note = card.block_note if card.status == BLOCKED else card.resolution
        why = f" ({note})" if note else ""
        return Cancelled(f"cannot {verb} {card_id}: this attempt was cancelled{why}; stop working")
    now = card.lease if card.status == CLAIMED else card.status
    return ClaimLost(
        f"cannot {verb} {card_id}: the claim is not yours, the card is {now}; stop working on it"
    )
