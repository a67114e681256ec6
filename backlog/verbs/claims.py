"""Who holds a card: claim, renew, complete, block, release and the way back."""

import time
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import lifecycle, values
from backlog.errors import Busy, ClaimLost, NotFound, Stale, WrongState
from backlog.lifecycle import CLAIMED, DEFAULT_BLOCK_REASON, DEFAULT_TTL_SECONDS, Move
from backlog.records import COLUMNS, Record, iso
from backlog.session import ACTOR, AS_ACTOR, Session, in_statement, pauses

# How often a claim looks again while claimable cards are all locked by others: about ten seconds.
_LOOKS: Final = 220

_HOLD: Final = """status = 'claimed', claim_owner = %s, claim_ttl_seconds = %s,
    claimed_at = clock_timestamp(), attempts = backlog.attempts + 1"""

# MATERIALIZED: a plain subquery may be executed again and lock a second card. The lock is the
# weakest that an update needs, so that it does not wait for foreign key checks.
_CLAIM: Final = f"""
WITH next AS MATERIALIZED (
    SELECT id FROM backlog WHERE claimable{{scope}}
    ORDER BY priority DESC, created_at, id
    FOR NO KEY UPDATE SKIP LOCKED LIMIT 1
)
UPDATE backlog SET {_HOLD} FROM next WHERE backlog.id = next.id
RETURNING {COLUMNS}"""

_CLAIM_ANY: Final = _CLAIM.format(scope="")

_ANY_CLAIMABLE: Final = "SELECT EXISTS (SELECT FROM backlog WHERE claimable{scope})"

# The usual case: the card may move. The scan is by id alone; see `_STATUS`.
_MOVE: Final = f"""
UPDATE backlog SET {{changes}} WHERE id = %s AND {{condition}} AND {AS_ACTOR} IS NOT NULL
RETURNING {COLUMNS}"""

# The other: wait for the card, move it if it may by now, and tell what was seen.
_LOOK: Final = f"""
WITH seen AS MATERIALIZED (
    SELECT * FROM backlog WHERE id = %s FOR NO KEY UPDATE
), moved AS (
    UPDATE backlog SET {{changes}} FROM seen WHERE backlog.id = seen.id AND {{condition}}
    AND {AS_ACTOR} IS NOT NULL RETURNING backlog.*
)
SELECT true, {COLUMNS} FROM moved AS backlog
UNION ALL
SELECT false, {COLUMNS} FROM seen AS backlog WHERE NOT EXISTS (SELECT FROM moved)"""

Scope = tuple[str, tuple[Any, ...]]
EVERYTHING: Final[Scope] = ("", ())


def claim(
    session: Session, owner: str, ttl: int = DEFAULT_TTL_SECONDS, scope: Scope = EVERYTHING
) -> Record | None:
    """Give `owner` the first claimable card for `ttl` seconds; None if there is nothing to claim.

    First is: highest priority, then oldest, then lowest id. `scope` narrows the pool: SQL that
    continues the WHERE clause, with its parameters. None never means that somebody held a lock:
    a claim that found only locked cards looks again, and raises `Busy` after about ten seconds.
    """
    condition, params = scope
    sql = _CLAIM.format(scope=condition) if condition else _CLAIM_ANY
    hold = (*params, *_held(owner, ttl))
    card = _claim_once(session, sql, hold)
    if card is not None:
        return card
    for pause in pauses(_LOOKS):
        if not session.execute(_ANY_CLAIMABLE.format(scope=condition), params).fetchone()[0]:
            return None
        time.sleep(pause)
        card = _claim_once(session, sql, hold)
        if card is not None:
            return card
    raise Busy("every claimable card is locked by another transaction; try again")


@in_statement
def _claim_once(session: Session, sql: str, params: tuple[Any, ...]) -> Record | None:
    row = session.execute(sql, params).fetchone()
    return Record._make(row) if row else None


def claim_card(
    session: Session, card_id: str, owner: str, ttl: int = DEFAULT_TTL_SECONDS
) -> Record | None:
    """Give `owner` this card, waiting for whoever is changing it; None if it is not claimable."""
    held = _held(owner, ttl)
    moved, card = _move(session, card_id, _HOLD, held, "{row}.claimable IS NOT FALSE", (owner,))
    return card if moved else None


def _held(owner: str, ttl: int) -> tuple[str, int]:
    return values.name(owner, "owner"), values.ttl(ttl)


def complete(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    seen: datetime | None = None,
) -> Record | None:
    """Finish a card: done, its claim released, its dependents one step closer.

    With `owner` or `attempt` the card must be claimed so; with `seen`, the `updated_at` the caller
    saw, it must not have changed since. None if the card does not exist. Raises `ClaimLost`,
    `Stale`, or `WrongState` from blocked. A done card stays as it is.
    """
    return _transition(session, lifecycle.COMPLETE, card_id, Expected(owner, attempt, seen))


def block(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    reason: str = DEFAULT_BLOCK_REASON,
    note: str | None = None,
    seen: datetime | None = None,
) -> Record | None:
    """Take a card out of the pool until it is unblocked; as `complete`, from all but done.

    `reason` is one of `lifecycle.BLOCK_REASONS`, `note` says more. A blocked card stays as it is.
    """
    changes = "status = 'blocked', block_reason = %s, block_note = %s"
    params = (values.block_reason(reason), note and values.optional(note, "note"))
    expected = Expected(owner, attempt, seen)
    return _transition(session, lifecycle.BLOCK, card_id, expected, (changes, params))


def unblock(session: Session, card_id: str, *, seen: datetime | None = None) -> Record:
    """A blocked card is ready again. Raises `NotFound`, `WrongState`, `Stale`."""
    expected = Expected(seen=seen)
    return _existing(card_id, _transition(session, lifecycle.UNBLOCK, card_id, expected))


def reopen(session: Session, card_id: str, *, seen: datetime | None = None) -> Record:
    """A done card is ready again; dependents not yet done wait for it. As `unblock`."""
    expected = Expected(seen=seen)
    return _existing(card_id, _transition(session, lifecycle.REOPEN, card_id, expected))


def release(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    seen: datetime | None = None,
) -> Record:
    """Give a claimed card back. Raises `NotFound`, `WrongState`, `ClaimLost`, `Stale`."""
    expected = Expected(owner, attempt, seen)
    return _existing(card_id, _transition(session, lifecycle.RELEASE, card_id, expected))


def renew(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    ttl: int | None = None,
) -> Record:
    """Extend the lease to `ttl` seconds from now (None: as long as before). As `release`.

    A lease that is over may still be renewed while nobody has reclaimed the card.
    `updated_at` stays: a heartbeat is no change of the card.
    """
    ttl = None if ttl is None else values.ttl(ttl)
    changes = (
        "claimed_at = clock_timestamp(), claim_ttl_seconds = coalesce(%s, {row}.claim_ttl_seconds)"
    )
    return _existing(
        card_id,
        _transition(session, lifecycle.RENEW, card_id, Expected(owner, attempt), (changes, (ttl,))),
    )


@in_statement
def reclaim(session: Session, scope: Scope = EVERYTHING) -> list[str]:
    """Return every card whose lease is over to the pool; their ids, in order.

    A card that somebody is changing at this moment (renewing, completing) is left to them.
    """
    condition, params = scope
    sql = f"""
        WITH expired AS MATERIALIZED (
            SELECT id FROM backlog WHERE claim_expires_at <= now(){condition}
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE backlog SET status = 'ready' FROM expired
        WHERE backlog.id = expired.id AND {AS_ACTOR} IS NOT NULL RETURNING backlog.id"""
    rows = session.execute(sql, (*params, ACTOR.get())).fetchall()
    return sorted(row[0] for row in rows)


def reclaim_card(session: Session, card_id: str, *, seen: datetime | None = None) -> list[str]:
    """Return this card to the pool if it is claimed, whatever its lease; its id, or nothing.

    Raises `Stale`.
    """
    conditions = {_STATUS: [CLAIMED], **Expected(seen=seen).conditions()}
    wanted = (*conditions.values(), ACTOR.get())
    moved, card = _move(session, card_id, "status = 'ready'", (), " AND ".join(conditions), wanted)
    if not moved and card is not None and seen not in (None, card.updated_at):
        raise stale(card)
    return [card_id] if moved else []


class Expected(NamedTuple):
    """What the caller takes for granted: who holds the card, since when it is as it is."""

    owner: str | None = None
    attempt: int | None = None
    seen: datetime | None = None

    @property
    def owned(self) -> bool:
        return self.owner is not None or self.attempt is not None

    def conditions(self) -> dict[str, Any]:
        """SQL about `{row}`, and its parameter."""
        conditions = {
            "{row}.claim_owner = %s": self.owner,
            "{row}.attempts = %s": self.attempt,
            "{row}.updated_at = %s": self.seen,
        }
        return {sql: value for sql, value in conditions.items() if value is not None}


def _transition(
    session: Session,
    move: Move,
    card_id: str,
    expected: Expected,
    changes: tuple[str, tuple[Any, ...]] | None = None,
) -> Record | None:
    """Move one card by its id; None if it does not exist.

    Raises `WrongState`, `ClaimLost`, `Stale`.
    """
    what, params = changes or ("status = %s", (move.to,))
    statuses = [CLAIMED] if expected.owned else list(move.sources)
    conditions = {_STATUS: statuses, **expected.conditions()}
    condition = " AND ".join(conditions)
    wanted = (*conditions.values(), expected.owner or ACTOR.get())
    moved, card = _move(session, card_id, what, params, condition, wanted)
    if expected.owned and not moved:
        raise ClaimLost(_lost(move.verb, card_id, card))
    if moved or card is None:
        return card
    if expected.seen is not None and card.updated_at != expected.seen:
        raise stale(card)
    if move.settled and card.status == move.to:
        return card
    raise WrongState(f"cannot {move.verb} {card_id}: it is {card.status}; {move.otherwise}")


def stale(card: Record) -> Stale:
    """The refusal for a caller who saw another state of this card."""
    return Stale(f"{card.id} was changed at {iso(card.updated_at)}; look at it again")


# Concatenated, so that no index on status, whose statistics may be old, can serve the scan.
_STATUS: Final = "({row}.status || '') = ANY(%s)"


@in_statement
def _move(
    session: Session,
    card_id: str,
    changes: str,
    assigned: tuple[Any, ...],
    condition: str,
    wanted: tuple[Any, ...],
) -> tuple[bool, Record | None]:
    """Whether the card met the condition and was changed, and the card as it is then, if any.

    `{row}` in `changes` and `condition` stands for the card as it was; the last of `wanted` is
    the actor.
    """
    sql = _MOVE.format(changes=changes, condition=condition).format(row="backlog")
    row = session.execute(sql, (*assigned, card_id, *wanted)).fetchone()
    if row:
        return True, Record._make(row)
    sql = _LOOK.format(changes=changes, condition=condition).format(row="seen")
    row = session.execute(sql, (card_id, *assigned, *wanted)).fetchone()
    return (row[0], Record._make(row[1:])) if row else (False, None)


def _lost(verb: str, card_id: str, card: Record | None) -> str:
    if card is None:
        return f"cannot {verb} {card_id}: it does not exist (any more); stop working on it"
    now = card.lease if card.status == CLAIMED else card.status
    return f"cannot {verb} {card_id}: the claim is not yours, the card is {now}; stop working on it"


def _existing(card_id: str, card: Record | None) -> Record:
    if card is None:
        raise NotFound(f"there is no card {card_id}")
    return card
