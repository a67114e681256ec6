"""The statements that take cards: a claim, and completions that go with it."""

import re
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from datetime import datetime
from functools import lru_cache
from typing import Any, Final

from backlog.lifecycle import CLAIMED, DONE
from backlog.planner import few, unindexed
from backlog.records import COLUMNS, Record
from backlog.session import RETRIED, TELLING, Session, Statement, sqlstate, telling
from backlog.verbs.moves import MOVED
from backlog.verbs.pool import Condition, Source

# That it is one more attempt, a trigger says, whoever claims.
LEASE: Final = """status = 'claimed', claim_owner = %s, claim_ttl_seconds = %s,
    claimed_at = clock_timestamp()"""

# By the place of the version that was locked, which nobody else can move. By id, a card that
# changed meanwhile would be looked for once more, and the list with it: it would lock other cards.
# The lock is the weakest that an update needs, so that it does not wait for foreign key checks.
_CLAIM: Final = f"UPDATE backlog SET {LEASE} WHERE ctid = ANY (ARRAY("
_CLAIMED: Final = f")){{condition}} RETURNING {COLUMNS}"
_IF_MOVED: Final = f" AND {MOVED}"

# Cards that are held are done and the next ones claimed, by one update: what an update costs,
# however many rows it writes (its start, the reading of constraints and triggers), is most of a
# move. Of cards that others wait for, no: the next may be what their completion makes claimable.
# What is locked, or was changed since the snapshot, which the update would pass over, is left, and
# what is gated, which may not be done then.
_FREE: Final = (
    f"NOT has_dependents AND NOT gated AND {TELLING} IS NOT NULL FOR NO KEY UPDATE SKIP LOCKED"
)
_HELD: Final = f"SELECT ctid FROM backlog WHERE id = %s AND {{condition}} AND {_FREE}"
_ALL_HELD: Final = f"""
    SELECT card.ctid FROM {few("%s::text[]", "%s::integer[]")} AS held (id, attempt), LATERAL (
        SELECT ctid FROM backlog WHERE id = held.id COLLATE "C"
            AND {unindexed("status")} = '{CLAIMED}' AND claim_owner = %s
            AND attempts = coalesce(held.attempt, attempts) AND {_FREE}) AS card"""
_FINISH_AND_CLAIM: Final = f"""
WITH held AS MATERIALIZED ({{held}}), seen AS MATERIALIZED (
    SELECT ctid FROM backlog WHERE ctid = ANY (ARRAY(SELECT ctid FROM held))
)
UPDATE backlog SET status = CASE status WHEN '{CLAIMED}' THEN '{DONE}' ELSE '{CLAIMED}' END,
    claim_owner = CASE WHEN status <> '{CLAIMED}' THEN %s END,
    claim_ttl_seconds = CASE WHEN status <> '{CLAIMED}' THEN %s END,
    claimed_at = CASE WHEN status <> '{CLAIMED}' THEN clock_timestamp() END
WHERE ctid = ANY (ARRAY(SELECT ctid FROM seen UNION ALL SELECT ctid FROM ("""
_FINISHED_AND_CLAIMED: Final = (
    ") AS next WHERE (SELECT count(*) FROM seen) = %s{condition})) RETURNING "
)
# A completion that says what it took may spend a budget, which a claim in the same statement would
# not see: where there is any, the claim is a statement of its own.
_NO_BUDGET: Final = " AND NOT EXISTS (SELECT FROM backlog_rule WHERE kind = 'budget')"
_TEXTS_OF_THE_CLAIMED: Final = re.sub(
    r"(backlog\.(?:body|acceptance::text))", rf"CASE status WHEN '{CLAIMED}' THEN \1 END", COLUMNS
)


@lru_cache(maxsize=64)
def _held_sql(condition: str) -> str:
    return _HELD.format(condition=condition.format(row="backlog"))


def one_held(held: Condition) -> Condition:
    """The card that a worker holds (`moves.holding`), for `finish_and_claim`."""
    return _held_sql(held[0]), held[1]


def all_held(ids: Sequence[str], attempts: Sequence[int | None], owner: str) -> Condition:
    """Those that a worker holds, for `finish_and_claim`. Nothing is said of them."""
    return _ALL_HELD, (ids, attempts, owner, *telling(owner))


def finish_and_claim(
    session: Session,
    held: Condition,
    number: int,
    lease: tuple[str, int],
    pool: Source,
    count: int,
    *,
    texts: bool,
    spends: bool = False,
) -> tuple[dict[str, Record], list[Record]]:
    """Of this `number` of cards those that are done, by id; and those that are claimed.

    Only what takes no more than one statement; none is claimed unless all of them are done, nor
    where what is said of them counts towards a budget (`spends`) and there is one.
    """
    select, params = pool.next_to_claim(count, True, ())
    sql = _finish_and_claim_sql(held[0], select, texts, spends)
    given = (*held[1], *lease, *params, number)
    moved = [Record._make(row) for row in tried(session, lambda: session.rows(sql, given)) or []]
    claimed = [card for card in moved if card.status == CLAIMED]
    return {card.id: card for card in moved if card.status == DONE}, sorted(claimed, key=place)


def finish_then_claim(
    session: Session,
    first: Statement,
    lease: tuple[str, int],
    pool: Source,
    count: int,
    mark: str | None = None,
) -> tuple[list[Any], list[Record]]:
    """The rows of the first statement, and the cards that are claimed after it, in one trip and one
    transaction. With the mark that the first has written, if it has moved its card.
    """
    select, params = pool.next_to_claim(count, True, ())
    condition, asked = ("", ()) if mark is None else (_IF_MOVED, (mark,))
    second = claim_sql(select, condition), (*lease, *params, *asked)
    moved, claimed = tried(session, lambda: session.trip(first, second)) or ([], [])
    return moved, sorted(map(Record._make, claimed), key=place)


def tried[T](session: Session, work: Callable[[], T]) -> T | None:
    """What it gives; None after a failure that is cured by trying again."""
    try:
        # Inside the caller's transaction, a savepoint: what fails is this alone.
        with session.transaction() if session.inside() else nullcontext():
            return work()
    except Exception as error:
        if sqlstate(error) not in RETRIED:
            raise
        return None


@lru_cache(maxsize=64)  # a new text, though equal, makes psycopg's own look-ups slower
def claim_sql(select: str, condition: str = "") -> str:
    """The claim of what the SELECT locks; parameters: the lease, then those of the SELECT."""
    return _CLAIM + select + _CLAIMED.format(condition=condition)


@lru_cache(maxsize=64)
def _finish_and_claim_sql(held: str, select: str, texts: bool, spends: bool) -> str:
    columns = COLUMNS if texts else _TEXTS_OF_THE_CLAIMED
    ended = _FINISHED_AND_CLAIMED.format(condition=_NO_BUDGET if spends else "")
    return _FINISH_AND_CLAIM.format(held=held) + select + ended + columns


def place(card: Record) -> tuple[int, datetime, str]:
    """Where a card is in the order of claims."""
    return -card.priority, card.created_at, card.id
