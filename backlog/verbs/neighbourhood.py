"""What stands around a card in the DAG: read from it step by step, never the whole graph."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from backlog.session import Session
from backlog.verbs.filters import CELL

STEPS: Final = 3

# How many cards are read in each direction, and of a card's own dependencies and dependents.
WIDTH: Final = 120
LISTED: Final = 200

_SUGGESTED: Final = 60

# As in `graph`: OFFSET 0 keeps the look-up by id, and LIMIT ends the walk as soon as it is reached.
# The nearest are found first.
_WALK: Final = """
{name}(id, steps) AS (
    SELECT %(card)s::text COLLATE "C", 0
    UNION
    SELECT next.id, {name}.steps + 1 FROM {name} CROSS JOIN LATERAL (
        SELECT {to} AS id FROM backlog_dependency WHERE {start} = {name}.id OFFSET 0
    ) AS next WHERE {name}.steps < %(steps)s
), {name}_part AS MATERIALIZED (SELECT id, steps FROM {name} LIMIT %(width)s)"""

# The edges among the cards found are look-ups too: each pair is asked for, so that a card with
# ten thousand edges costs no more than another.
_AROUND: Final = f"""
WITH RECURSIVE {_WALK.format(name="up", start="card_id", to="dependency_id")},
{_WALK.format(name="down", start="dependency_id", to="card_id")},
found AS MATERIALIZED (
    SELECT id, min(steps) AS steps FROM (
        SELECT id, steps FROM up_part UNION ALL SELECT id, steps FROM down_part
    ) AS parts GROUP BY id
)
SELECT found.id, card.title, card.cell, found.steps, ARRAY(
    SELECT dependency_id FROM backlog_dependency
    WHERE card_id = found.id AND dependency_id = ANY (ARRAY(SELECT id FROM found))
    ORDER BY dependency_id
), (SELECT count(*) FROM up_part) >= %(width)s OR (SELECT count(*) FROM down_part) >= %(width)s
FROM found LEFT JOIN LATERAL (
    SELECT title, {CELL} AS cell FROM backlog WHERE backlog.id = found.id OFFSET 0
) AS card ON true
ORDER BY found.steps, found.id"""

_DEPENDENCIES: Final = f"""
SELECT needed.id, card.title, card.cell, count(*) OVER ()
FROM unnest(%s::text[]) WITH ORDINALITY AS needed (id, place)
LEFT JOIN LATERAL (
    SELECT title, {CELL} AS cell FROM backlog WHERE backlog.id = needed.id OFFSET 0
) AS card ON true
ORDER BY card.cell IS NOT DISTINCT FROM 'done', needed.place"""

_DEPENDENTS: Final = f"""
WITH edges AS MATERIALIZED (
    SELECT card_id FROM backlog_dependency WHERE dependency_id = %s ORDER BY card_id LIMIT %s
)
SELECT edges.card_id, card.title, card.cell,
    (SELECT count(*) FROM backlog_dependency WHERE dependency_id = %s)
FROM edges LEFT JOIN LATERAL (
    SELECT title, {CELL} AS cell FROM backlog WHERE backlog.id = edges.card_id OFFSET 0
) AS card ON true
ORDER BY card.cell IS NOT DISTINCT FROM 'done', edges.card_id"""

# A range of an index each: the head of the queue, and what is open in a lane.
_SUGGESTIONS: Final = f"""
(SELECT id, title FROM backlog WHERE claimable ORDER BY priority DESC, created_at, id
    LIMIT {_SUGGESTED})
UNION
(SELECT id, title FROM backlog WHERE status <> 'claimed' AND phase = %(phase)s
    AND status = 'ready' AND claimable = false
    ORDER BY priority DESC, created_at, id LIMIT {_SUGGESTED})
UNION
(SELECT id, title FROM backlog WHERE status <> 'claimed' AND phase = %(phase)s
    AND status = 'blocked' AND claimable = false
    ORDER BY priority DESC, created_at, id LIMIT {_SUGGESTED // 3})
UNION
(SELECT id, title FROM backlog WHERE claimed_at IS NOT NULL AND status = 'claimed'
    ORDER BY claimed_at LIMIT {_SUGGESTED})
ORDER BY id"""


class Near(NamedTuple):
    """A card near another; `cell` as on the board (None, like the title: there is no such card).

    `needs` names those near the same card that this one depends on.
    """

    id: str
    title: str | None
    cell: str | None
    steps: int = 1
    needs: tuple[str, ...] = ()

    @property
    def state(self) -> str:
        """The cell, or `missing`."""
        return self.cell or "missing"


class Nearby(NamedTuple):
    """The cards that stand near one; `cut` if there are more than were read."""

    cards: list[Near]
    cut: bool

    def within(self, most: int) -> tuple[int, list[Near]]:
        """The cards to as many steps as leave at most so many, and the steps; 0: not even one."""
        for steps in range(max((card.steps for card in self.cards), default=0), 0, -1):
            inside = [card for card in self.cards if card.steps <= steps]
            if len(inside) <= most and not (self.cut and steps == self.cards[-1].steps):
                return steps, inside
        return 0, [card for card in self.cards if card.steps == 0]


def neighbourhood(session: Session, card_id: str, steps: int = STEPS) -> Nearby:
    """The card, what it depends on and what depends on it, directly or through others."""
    rows = _named(session, _AROUND, {"card": card_id, "steps": steps, "width": WIDTH})
    cards = [
        Near(found, title, cell, away, tuple(needs)) for found, title, cell, away, needs, _ in rows
    ]
    return Nearby(cards, bool(rows) and rows[0][5])


def dependencies(session: Session, ids: Sequence[str]) -> tuple[list[Near], int]:
    """The cards with these ids, unfinished first, at most `LISTED`; how many there are."""
    if not ids:
        return [], 0
    rows = session.execute(_DEPENDENCIES + f" LIMIT {LISTED}", (list(ids),)).fetchall()
    return [Near(*row[:3]) for row in rows], rows[0][3]


def dependents(session: Session, card_id: str) -> tuple[list[Near], int]:
    """The cards that wait for this id, unfinished first, at most `LISTED`; how many there are."""
    rows = session.execute(_DEPENDENTS, (card_id, LISTED, card_id)).fetchall()
    return [Near(*row[:3]) for row in rows], rows[0][3] if rows else 0


def suggestions(session: Session, phase: str | None) -> list[tuple[str, str]]:
    """At most 200 open cards, id and title, that a card of this phase may well depend on."""
    rows = _named(session, _SUGGESTIONS, {"phase": phase})
    return [(row[0], row[1]) for row in rows]


def _named(session: Session, sql: str, params: dict[str, Any]) -> list[Any]:
    """The rows of a statement whose parameters have names, because it repeats them."""
    return session.execute(sql, params).fetchall()  # type: ignore[arg-type]
