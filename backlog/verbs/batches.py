"""Verbs on many cards at once, each by itself: one that is refused does not undo the rest.

Of a move, whatever can move as it is moves in one statement and one commit. What that left alone
is asked for by the verb for one card, which waits, moves it after all or says why not.
"""

from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any, Final, NamedTuple

from backlog import lifecycle, settable, values
from backlog.errors import Busy, Refusal, UsageError
from backlog.lifecycle import CLAIMED, DEFAULT_BLOCK_REASON, DEFAULT_TTL_SECONDS, DONE, Move
from backlog.planner import few, row_by_row, unindexed
from backlog.records import COLUMNS, WITHOUT_TEXTS, Record
from backlog.session import Session, Statement, as_refusal, in_statement, telling
from backlog.verbs import change, moves
from backlog.verbs.archive import archive
from backlog.verbs.cards import edit, find, link, unlink
from backlog.verbs.change import Changes
from backlog.verbs.claims import MOST_AT_ONCE, Taken, checked_lease, claim
from backlog.verbs.moves import NOTHING_SAID, existing
from backlog.verbs.pool import ANY_CARD, Source
from backlog.verbs.runs import Report
from backlog.verbs.taking import all_held, finish_and_claim, finish_then_claim, one_held

# Everything is locked first. What will be done, or was, is locked in id order, with the cards that
# wait for it, which a trigger counts again: so two batches do not wait for each other. Other moves
# take what is free, and wait for nobody. What is said of a card is assigned with its row: an
# assignment is computed as the row is written, right before the triggers that ask; a condition,
# maybe for all rows first. The triggers set the column anew.
_TELLING: Final = (
    "set_config('backlog.actor', %s, true) || set_config('backlog.report', said, true)"
)
_MOVE: Final = f"""
WITH held AS MATERIALIZED (
    SELECT id COLLATE "C", attempt, said
    FROM {few("%s::text[]", "%s::integer[]", "%s::text[]")} AS held (id, attempt, said)
), locked AS MATERIALIZED ({{locked}})
UPDATE backlog SET {{changes}}, claim_expires_at = CASE WHEN {_TELLING} IS NULL THEN now() END
FROM {{among}} AS held WHERE backlog.id = held.id AND (SELECT count(*) FROM locked) > 0
    AND {unindexed("backlog.status")} IN ('{{sources}}'){{judged}}
    AND backlog.claim_owner IS NOT DISTINCT FROM coalesce(%s, backlog.claim_owner)
    AND (attempt IS NULL OR (backlog.status, backlog.attempts) = ('{CLAIMED}', attempt))
RETURNING {{columns}}"""
_WAITING: Final = row_by_row("SELECT card_id FROM backlog_dependency WHERE dependency_id = held.id")
_TOUCHED: Final = f"""SELECT id FROM held
    UNION SELECT card_id FROM held, LATERAL ({_WAITING}) AS waiting ORDER BY id"""
_ALL: Final = f"""
    SELECT FROM {few(f"ARRAY({_TOUCHED})")} AS touched (id),
        LATERAL (SELECT FROM backlog WHERE id = touched.id FOR NO KEY UPDATE) AS card
"""
_FREE: Final = """
    SELECT held.* FROM held,
        LATERAL (SELECT FROM backlog WHERE id = held.id FOR NO KEY UPDATE SKIP LOCKED) AS card
"""


# What is gated may be refused, by an error: that of one card must not be that of all.
_JUDGED: Final = f" AND (NOT backlog.gated OR backlog.status = '{CLAIMED}')"

_READY: Final[Changes] = ("status = 'ready'", ())


class Held(NamedTuple):
    """A card, in which attempt it is held (None: whichever), and what is said of that attempt."""

    id: str
    attempt: int | None = None
    report: Report = NOTHING_SAID


class Outcome[C](NamedTuple):
    """What became of one card: it moved, and is so now; or why it did not. One of the two."""

    id: str
    card: C | None
    refusal: Refusal | None


def complete_many(
    session: Session, cards: Sequence[Held], owner: str | None = None, *, texts: bool = True
) -> list[Outcome[Record]]:
    """`moves.complete` for each of up to 1,000 cards, and its outcome, in the order given.

    With `owner`, all must be claimed so; with an attempt, the card must be in that attempt. Raises
    `UsageError`, for an id that is named twice, too; nothing has changed then.
    """
    said = [held.report.text(held.id) for held in _checked(cards, owner)]
    moved = _move(session, lifecycle.COMPLETE, cards, owner, said, change.DONE, texts)
    return _outcomes(cards, moved, partial(_complete, session, owner, texts))


def complete_many_and_claim(
    session: Session,
    cards: Sequence[Held],
    owner: str,
    count: int,
    *,
    ttl: int = DEFAULT_TTL_SECONDS,
    pool: Source = ANY_CARD,
    texts: bool = True,
    waited_for: bool = False,
) -> tuple[list[Outcome[Record]], Taken[Record]]:
    """`complete_many`, and `claim` of the next `count`; both in one statement where that can be.

    It cannot where something is said of the cards, or others wait for one of them: who knows that
    says so (`waited_for`). Raises `UsageError`, and nothing has changed then. A claim that finds
    nothing, also because others lock all there is, leaves the cards done.
    """
    lease = checked_lease(owner, ttl, count)
    said = [held.report.text(held.id) for held in _checked(cards, owner)]
    if waited_for or (any(said) and len(cards) > 1):
        first = _statement(lifecycle.COMPLETE, cards, owner, said, change.DONE, texts)
        rows, taken = finish_then_claim(session, first, lease, pool, count)
        moved = {card.id: card for card in map(Record._make, rows)}
    else:
        if len(cards) == 1:
            (one,) = cards
            held = one_held(moves.holding(one.id, owner, one.attempt, one.report))
        else:
            ids, attempts = [each.id for each in cards], [each.attempt for each in cards]
            held = all_held(ids, attempts, owner)
        number = len(cards)
        how = {"texts": texts, "spends": any(each.report.spends for each in cards)}
        moved, taken = finish_and_claim(session, held, number, lease, pool, count, **how)
    outcomes = _outcomes(cards, moved, partial(_complete, session, owner, texts))
    if taken:
        return outcomes, Taken(taken)
    try:
        return outcomes, claim(session, owner, ttl, pool, count)
    except Busy as busy:
        return outcomes, Taken([], str(busy))


def _complete(session: Session, owner: str | None, texts: bool, held: Held) -> Record | None:
    how: dict[str, Any] = {"report": held.report, "texts": texts}
    return moves.complete(session, held.id, owner, held.attempt, **how)


def block_many(
    session: Session,
    cards: Sequence[Held],
    owner: str | None = None,
    *,
    reason: str = DEFAULT_BLOCK_REASON,
    note: str | None = None,
    texts: bool = True,
) -> list[Outcome[Record]]:
    """`moves.block` for each card; what is given and raised is that of `complete_many`."""

    def alone(held: Held) -> Record | None:
        how: dict[str, Any] = {"reason": reason, "note": note, "report": held.report}
        return moves.block(session, held.id, owner, held.attempt, **how, texts=texts)

    said = [held.report.text(held.id) for held in _checked(cards, owner)]
    moved = _move(session, lifecycle.BLOCK, cards, owner, said, change.blocked(reason, note), texts)
    return _outcomes(cards, moved, alone)


def unblock_many(
    session: Session, card_ids: Sequence[str], *, note: str | None = None
) -> list[Outcome[Record]]:
    """`moves.unblock` for each card; what is given and raised is that of `complete_many`."""
    cards, changes = _named(card_ids), change.unblocked(note)
    moved = _move(session, lifecycle.UNBLOCK, cards, None, [""] * len(cards), changes)
    return _outcomes(cards, moved, lambda held: moves.unblock(session, held.id, note=note))


def reopen_many(session: Session, card_ids: Sequence[str]) -> list[Outcome[Record]]:
    """`moves.reopen` for each card; what is given and raised is that of `complete_many`."""
    cards = _named(card_ids)
    moved = _move(session, lifecycle.REOPEN, cards, None, [""] * len(cards), _READY)
    return _outcomes(cards, moved, lambda held: moves.reopen(session, held.id))


def cancel_many(
    session: Session, card_ids: Sequence[str], *, reason: str | None = None
) -> list[Outcome[Record]]:
    """`moves.cancel` for each card; what is given and raised is that of `complete_many`."""
    cards = _named(card_ids)
    said = [change.said_cancelled(held.id) for held in cards]
    moved = _move(session, lifecycle.CANCEL, cards, None, said, change.cancelled(reason))
    return _outcomes(cards, moved, lambda held: moves.cancel(session, held.id, reason=reason))


def release_many(
    session: Session,
    cards: Sequence[Held],
    owner: str | None = None,
    *,
    delay: int | None = None,
    texts: bool = True,
) -> list[Outcome[Record]]:
    """`moves.release` for each card; what is given and raised is that of `complete_many`."""

    def alone(held: Held) -> Record:
        how: dict[str, Any] = {"delay": delay, "report": held.report, "texts": texts}
        return moves.release(session, held.id, owner, held.attempt, **how)

    said = [change.said_back(held.report, held.id) for held in _checked(cards, owner)]
    moved = _move(session, lifecycle.RELEASE, cards, owner, said, change.given_back(delay), texts)
    return _outcomes(cards, moved, alone)


def renew_many(
    session: Session,
    cards: Sequence[Held],
    owner: str | None = None,
    ttl: int | None = None,
    *,
    wait: bool = True,
    texts: bool = True,
) -> list[Outcome[Record]]:
    """`moves.renew` for each card; what is given and raised is that of `complete_many`.

    Without `wait`, a card that others lock at this moment is refused as `Busy`.
    """

    def alone(held: Held) -> Record:
        card = None if wait else find(session, held.id)
        if card is not None and _is_held(card, held, owner):
            raise Busy(f"{held.id} is locked by another transaction; try again")
        return moves.renew(session, held.id, owner, held.attempt, ttl, texts=texts)

    said = [""] * len(_checked(cards, owner))
    moved = _move(session, lifecycle.RENEW, cards, owner, said, change.renewed(ttl), texts)
    return _outcomes(cards, moved, alone)


def archive_many(session: Session, card_ids: Sequence[str]) -> list[Outcome[Record]]:
    """`archive.archive` for each card; what is given and raised is that of `complete_many`."""
    return _outcomes(_named(card_ids), {}, lambda held: archive(session, held.id))


def edit_many(session: Session, card_ids: Sequence[str], /, **fields: Any) -> list[Outcome[Record]]:
    """`cards.edit` for each card, with the same fields. Raises `UsageError` as `complete_many`."""
    settable.checked(fields)
    return _outcomes(_named(card_ids), {}, lambda held: edit(session, held.id, **fields))


def link_many(session: Session, pairs: Sequence[tuple[str, str]]) -> list[Outcome[Record]]:
    """`cards.link` for each pair of a card and what it waits for, one after the other.

    A card may be in several pairs. Raises `UsageError`, if they are too many.
    """
    return _of_pairs(partial(link, session), pairs)


def unlink_many(session: Session, pairs: Sequence[tuple[str, str]]) -> list[Outcome[Record]]:
    """`cards.unlink` for each pair; what is given and raised is that of `link_many`."""
    return _of_pairs(partial(unlink, session), pairs)


def _of_pairs(
    verb: Callable[[str, str], Record], pairs: Sequence[tuple[str, str]]
) -> list[Outcome[Record]]:
    _refuse_more(len(pairs))
    return [_outcome(pair[0], partial(verb, *pair)) for pair in pairs]


def refuse_repeats(card_ids: Sequence[str]) -> None:
    """Raise `UsageError` for ids that are too many at once, or of which one is named twice."""
    _refuse_more(len(card_ids))
    named: set[str] = set()
    for card_id in card_ids:
        if card_id in named:
            raise UsageError(f"{card_id} is named twice; name each card once")
        named.add(values.text(card_id, "id"))


def _refuse_more(count: int) -> None:
    if count > MOST_AT_ONCE:
        raise UsageError(f"at most {MOST_AT_ONCE:,} cards at once, not {count:,}")


def _named(card_ids: Sequence[str]) -> Sequence[Held]:
    return _checked([Held(card_id) for card_id in card_ids])


def _checked(cards: Sequence[Held], owner: str | None = None) -> Sequence[Held]:
    """The cards. Raises `UsageError`."""
    for held in cards:
        if not isinstance(held, Held):
            raise UsageError(f"cards must be Held, not {type(held).__name__}")
        moves.Expected(owner, held.attempt).check()
    refuse_repeats([held.id for held in cards])
    return cards


@in_statement
def _move(
    session: Session,
    move: Move,
    cards: Sequence[Held],
    owner: str | None,
    said: Sequence[str],
    changes: Changes,
    texts: bool = True,
) -> dict[str, Record]:
    """Move those that are as expected; each by its id, as it is then."""
    if not cards:
        return {}
    statement = _statement(move, cards, owner, said, changes, texts)
    return {card.id: card for card in map(Record._make, session.rows(*statement))}


def _statement(
    move: Move,
    cards: Sequence[Held],
    owner: str | None,
    said: Sequence[str],
    changes: Changes,
    texts: bool,
) -> Statement:
    assigned, params = changes
    held = [each.id for each in cards], [each.attempt for each in cards], said
    actor, _ = telling(owner)
    return _sql(move, assigned, texts), (*held, *params, actor, owner)


@cache  # a new text, though equal, makes psycopg's own look-ups slower
def _sql(move: Move, changes: str, texts: bool) -> str:
    waits = DONE in (move.to, *move.sources)
    return _MOVE.format(
        locked=_ALL if waits else _FREE,
        among="held" if waits else "locked",
        sources="', '".join(move.sources),
        judged=_JUDGED if move.to == DONE else "",
        changes=changes.format(row="backlog"),
        columns=COLUMNS if texts else WITHOUT_TEXTS,
    )


def _is_held(card: Record, held: Held, owner: str | None) -> bool:
    return (
        card.status == CLAIMED
        and owner in (None, card.claim_owner)
        and held.attempt in (None, card.attempts)
    )


def _outcomes(
    cards: Sequence[Held], moved: dict[str, Record], alone: Callable[[Held], Record | None]
) -> list[Outcome[Record]]:
    return [
        Outcome(held.id, moved[held.id], None)
        if held.id in moved
        else _outcome(held.id, partial(alone, held))
        for held in cards
    ]


def _outcome(card_id: str, verb: Callable[[], Record | None]) -> Outcome[Record]:
    try:
        return Outcome(card_id, existing(card_id, verb()), None)
    except Exception as error:
        # Of the database, too: others have moved by now, and who asked must hear of it.
        refusal = as_refusal(error)
        if refusal is None:
            raise
        return Outcome(card_id, None, refusal)
