"""What is around a card in the DAG."""

from collections.abc import Sequence
from typing import Final, NamedTuple

from backlog.session import Session

STEPS: Final = 3
MOST: Final = 200

# OFFSET 0 keeps each look-up by id; see `graph`.
_WALK: Final = """
WITH RECURSIVE up(id, step) AS (
    SELECT %s::text COLLATE "C", 0
    UNION SELECT next.id, up.step + 1 FROM up CROSS JOIN LATERAL (
        SELECT dependency_id AS id FROM backlog_dependency WHERE card_id = up.id OFFSET 0
    ) AS next WHERE up.step < %s
), down(id, step) AS (
    SELECT %s::text COLLATE "C", 0
    UNION SELECT next.id, down.step + 1 FROM down CROSS JOIN LATERAL (
        SELECT card_id AS id FROM backlog_dependency WHERE dependency_id = down.id OFFSET 0
    ) AS next WHERE down.step < %s
), near(id, step) AS (
    SELECT id, min(step) FROM (
        (SELECT * FROM up LIMIT 2000) UNION ALL (SELECT * FROM down LIMIT 2000)) AS both_ways
    GROUP BY id ORDER BY 2, 1 LIMIT %s
)
SELECT near.id, card.title, CASE WHEN card.status = 'ready' AND NOT card.claimable
    THEN 'waiting' ELSE card.status END
FROM near LEFT JOIN backlog card ON card.id = near.id ORDER BY near.step, near.id"""

_EDGES: Final = """
SELECT card_id, dependency_id FROM backlog_dependency
WHERE card_id = ANY(%s) AND dependency_id = ANY(%s) ORDER BY 1, 2"""


# A card's own links, of which the walk may have left some out; a look-up by id each, as there.
_LINKS: Final = """
SELECT linked.forward, linked.id, card.title, card.state FROM (
    (SELECT true AS forward, id, place FROM unnest(%s::text[]) WITH ORDINALITY AS d (id, place)
        ORDER BY place LIMIT %s)
    UNION ALL
    (SELECT false, card_id, 0 FROM backlog_dependency WHERE dependency_id = %s
        ORDER BY card_id LIMIT %s)
) AS linked LEFT JOIN LATERAL (
    SELECT title, CASE WHEN status = 'ready' AND NOT claimable THEN 'waiting' ELSE status END
        AS state FROM backlog WHERE backlog.id = linked.id OFFSET 0
) AS card ON true
ORDER BY linked.place, card.state = 'done', linked.id"""


class Node(NamedTuple):
    """A card nearby; title and state are None for an id that does not exist."""

    id: str
    title: str | None
    state: str | None


class Neighbourhood(NamedTuple):
    """Cards by their distance, and the pairs (card, what it waits for) among them."""

    nodes: list[Node]
    edges: list[tuple[str, str]]


def neighbourhood(session: Session, card_id: str) -> Neighbourhood:
    """What the card waits for and what waits for it, up to `STEPS` away, at most `MOST` cards."""
    params = (card_id, STEPS, card_id, STEPS, MOST)
    nodes = [Node(*row) for row in session.execute(_WALK, params).fetchall()]
    ids = [node.id for node in nodes]
    edges = [(row[0], row[1]) for row in session.execute(_EDGES, (ids, ids)).fetchall()]
    return Neighbourhood(nodes, edges)


class Links(NamedTuple):
    """What a card waits for, in the order of the card, and what waits for it, unfinished first.

    At most `MOST` of each; whether there are more.
    """

    needs: list[Node]
    needed_by: list[Node]
    more_needs: bool
    more_needed_by: bool


def links(session: Session, card_id: str, depends_on: Sequence[str]) -> Links:
    """The cards right beside this one, which depends on those ids."""
    params = (list(depends_on), MOST, card_id, MOST + 1)
    rows = session.execute(_LINKS, params).fetchall()
    needs = [Node(*row[1:]) for row in rows if row[0]]
    needed_by = [Node(*row[1:]) for row in rows if not row[0]]
    return Links(needs, needed_by[:MOST], len(depends_on) > MOST, len(needed_by) > MOST)
