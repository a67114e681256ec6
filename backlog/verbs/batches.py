"""Moves of many cards at once: complete, release, renew what a worker holds.

What can be moved as it is, one statement moves, in one commit. Each card has an outcome of its own:
what the statement left alone is asked for by itself, by the verb for one card, which waits, moves
it after all or says why not.
"""

from collections.abc import Callable, Sequence
from functools import cache
from typing import Any, Final, NamedTuple

from backlog import lifecycle, values
from backlog.errors import Refusal, UsageError
from backlog.lifecycle import CLAIMED, Move
from backlog.planner import unindexed
from backlog.records import COLUMNS, WITHOUT_TEXTS, Record
from backlog.session import Session, as_refusal, in_statement, telling
from backlog.verbs import moves
from backlog.verbs.claims import MOST_AT_ONCE
from backlog.verbs.moves import DONE, NOTHING_SAID, Changes, existing
from backlog.verbs.runs import Report

# Locked in id order, so that two batches of the same cards do not wait for each other. What is said
# of a card is assigned with its row: an assignment is computed as the row is written, right before
# the triggers that ask; a condition, maybe for all rows first. The triggers set the column anew.
_TELLING: Final = (
    "set_config('backlog.actor', %s, true) || set_config('backlog.report', found.said, true)"
)
_MOVE: Final = f"""
WITH found AS MATERIALIZED (
    SELECT backlog.id, said
    FROM unnest(%s::text[], %s::integer[], %s::text[]) AS held (id, attempt, said)
    JOIN backlog USING (id)
    WHERE {unindexed("backlog.status")} IN ('{{sources}}')
        AND backlog.claim_owner IS NOT DISTINCT FROM coalesce(%s, backlog.claim_owner)
        AND (attempt IS NULL OR (backlog.status, backlog.attempts) = ('{CLAIMED}', attempt))
    ORDER BY backlog.id FOR NO KEY UPDATE OF backlog
)
UPDATE backlog SET {{changes}}, claim_expires_at = CASE WHEN {_TELLING} IS NULL THEN now() END
FROM found WHERE backlog.id = found.id RETURNING {{columns}}"""


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

    def alone(held: Held) -> Record:
        report = held.report
        card = moves.complete(session, held.id, owner, held.attempt, report=report, texts=texts)
        return existing(held.id, card)

    said = [held.report.text(held.id) for held in _checked(cards, owner)]
    moved = _move(session, lifecycle.COMPLETE, cards, owner, said, (DONE, ()), texts)
    return _outcomes(cards, moved, alone)


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

    said = [moves.said_back(held.report, held.id) for held in _checked(cards, owner)]
    changes = moves.given_back(delay)
    moved = _move(session, lifecycle.RELEASE, cards, owner, said, changes, texts)
    return _outcomes(cards, moved, alone)


def renew_many(
    session: Session,
    cards: Sequence[Held],
    owner: str | None = None,
    ttl: int | None = None,
    *,
    texts: bool = True,
) -> list[Outcome[Record]]:
    """`moves.renew` for each card; what is given and raised is that of `complete_many`."""

    def alone(held: Held) -> Record:
        return moves.renew(session, held.id, owner, held.attempt, ttl, texts=texts)

    said = [""] * len(_checked(cards, owner))
    moved = _move(session, lifecycle.RENEW, cards, owner, said, moves.renewed(ttl), texts)
    return _outcomes(cards, moved, alone)


def _checked(cards: Sequence[Held], owner: str | None) -> Sequence[Held]:
    """The cards. Raises `UsageError`."""
    if len(cards) > MOST_AT_ONCE:
        raise UsageError(f"at most {MOST_AT_ONCE:,} cards at once, not {len(cards):,}")
    named: set[str] = set()
    for held in cards:
        if not isinstance(held, Held):
            raise UsageError(f"cards must be Held, not {type(held).__name__}")
        if held.id in named:
            raise UsageError(f"{held.id} is named twice; name each card once")
        named.add(values.text(held.id, "id"))
        moves.Expected(owner, held.attempt).check()
    return cards


@in_statement
def _move(
    session: Session,
    move: Move,
    cards: Sequence[Held],
    owner: str | None,
    said: Sequence[str],
    changes: Changes,
    texts: bool,
) -> dict[str, Record]:
    """Move those that are as expected; each by its id, as it is then."""
    if not cards:
        return {}
    assigned, params = changes
    held = [each.id for each in cards], [each.attempt for each in cards], said
    actor, _ = telling(owner)
    sql = _sql(move.sources, assigned, texts)
    rows = map(Record._make, session.rows(sql, (*held, owner, *params, actor)))
    return {card.id: card for card in rows}


@cache  # a new text, though equal, makes psycopg's own look-ups slower
def _sql(sources: tuple[str, ...], changes: str, texts: bool) -> str:
    return _MOVE.format(
        sources="', '".join(sources),
        changes=changes.format(row="backlog"),
        columns=COLUMNS if texts else WITHOUT_TEXTS,
    )


def _outcomes(
    cards: Sequence[Held], moved: dict[str, Record], alone: Callable[[Held], Record]
) -> list[Outcome[Record]]:
    return [
        Outcome(held.id, moved[held.id], None) if held.id in moved else _outcome(held, alone)
        for held in cards
    ]


def _outcome(held: Held, alone: Callable[[Held], Record]) -> Outcome[Record]:
    try:
        return Outcome(held.id, alone(held), None)
    except Exception as error:
        # Of the database, too: others have moved by now, and who asked must hear of it.
        refusal = as_refusal(error)
        if refusal is None:
            raise
        return Outcome(held.id, None, refusal)
