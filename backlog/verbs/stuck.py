"""Cards that can never become ready by themselves, each with the cause that holds it up.

A card that waits goes on when everything it waits for is done. So it never does if it waits,
directly or through others that wait, for a card that is blocked, for an id that does not exist, or
for itself. A claimed card ends the search: its worker may complete it.
"""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Any, Final, NamedTuple

from backlog.session import Session

BLOCKED: Final = "blocked"
MISSING: Final = "missing"
CYCLE: Final = "cycle"

_PAGE: Final = 5000

# What is blocked or missing, and all that waits for it: look-ups from there on, so that it costs
# what is stuck. The status is one more look-up: of a join, statistics that are old, or none, would
# make a scan of all cards for each.
_HELD_UP: Final = """
WITH RECURSIVE reached (id, kind) AS (
    (SELECT id, 'blocked' FROM backlog WHERE status = 'blocked'
    UNION ALL
    SELECT DISTINCT dependency_id, 'missing' FROM backlog_dependency edge
    WHERE NOT EXISTS (SELECT FROM backlog WHERE id = edge.dependency_id))
    UNION
    SELECT next.id, NULL FROM reached CROSS JOIN LATERAL (
        SELECT card_id AS id FROM backlog_dependency WHERE dependency_id = reached.id
        AND (SELECT status FROM backlog WHERE id = card_id) = 'ready' OFFSET 0
    ) AS next
)
SELECT id, kind, CASE WHEN kind IS NULL THEN ARRAY(
    SELECT dependency_id FROM backlog_dependency WHERE card_id = id ORDER BY dependency_id
) END FROM reached"""

# Cards that wait for cards that wait: only they can be on a cycle, or behind one.
_WAITING: Final = """
SELECT edge.card_id, array_agg(edge.dependency_id ORDER BY edge.dependency_id)
FROM backlog_dependency edge
JOIN backlog card ON card.id = edge.card_id
JOIN backlog needed ON needed.id = edge.dependency_id
WHERE card.open_dependencies > 0 AND card.status IN ('ready', 'blocked')
    AND needed.open_dependencies > 0 AND needed.status IN ('ready', 'blocked')
GROUP BY edge.card_id"""

Edges = Mapping[str, Sequence[str]]


class Stuck(NamedTuple):
    """A card that never becomes ready, and why: `kind` of the `root` that it waits for.

    `through` is what the card itself waits for on the way there. On a cycle, the root is the card.
    """

    id: str
    kind: str
    root: str
    through: str


def stuck(session: Session) -> list[Stuck]:
    """Every card that waits in vain, causes before effects: those on cycles first.

    A blocked card is in here only if it is on a cycle as well.
    """
    kinds, edges = _held_up(session)
    behind = _behind_cycles(_waiting(session))
    rings = {card: ring for ring in _rings(behind) for card in ring}
    on_cycle = [Stuck(card, CYCLE, card, _next(card, behind, rings)) for card in sorted(rings)]
    return [*on_cycle, *_spread(kinds, rings, _dependents(edges, behind))]


def _held_up(session: Session) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The blocked and the missing, and what the cards that wait for them wait for."""
    kinds, edges = {}, {}
    for card, kind, needs in _pages(session, _HELD_UP):
        if kind is None:
            edges[card] = needs
        else:
            kinds[card] = kind
    return kinds, edges


def _waiting(session: Session) -> dict[str, list[str]]:
    return dict(_pages(session, _WAITING))


def _pages(session: Session, sql: str) -> Iterator[Any]:
    with session.transaction():
        # Both queries read much if there is much; with statistics of a time when there was little,
        # the planner would compare each row with each.
        session.execute("SET LOCAL enable_nestloop = off")
        session.execute(f"DECLARE backlog_stuck NO SCROLL CURSOR FOR {sql}")
        while rows := session.execute(f"FETCH {_PAGE} FROM backlog_stuck").fetchall():
            yield from rows
        session.execute("CLOSE backlog_stuck")
        session.execute("SET LOCAL enable_nestloop TO DEFAULT")


def _behind_cycles(edges: dict[str, list[str]]) -> dict[str, list[str]]:
    """The part of the graph that can never be worked off: cycles, and what waits for them."""
    sorter = TopologicalSorter(edges)
    try:
        sorter.prepare()
    except CycleError:
        pass  # it still gives out all that is on no cycle and waits for none
    else:
        return {}
    while ready := sorter.get_ready():
        sorter.done(*ready)
        for card in ready:
            edges.pop(card, None)
    return {card: [n for n in needs if n in edges] for card, needs in edges.items()}


def _rings(edges: Edges) -> Iterator[set[str]]:
    """The strongly connected components of more than one card, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    path: dict[str, None] = {}  # in order
    for start in edges:
        work = [] if start in index else [(start, iter(edges[start]))]
        while work:
            card, needs = work[-1]
            if card not in index:
                index[card] = low[card] = len(index)
                path[card] = None
            for needed in needs:
                if needed not in index:
                    work.append((needed, iter(edges[needed])))
                    break
                if needed in path:
                    low[card] = min(low[card], index[needed])
            else:
                work.pop()
                if work:
                    low[work[-1][0]] = min(low[work[-1][0]], low[card])
                if low[card] == index[card] and len(ring := _cut(path, card)) > 1:
                    yield ring


def _cut(path: dict[str, None], card: str) -> set[str]:
    """Take the card and all after it from the path."""
    taken: set[str] = set()
    while card not in taken:
        taken.add(path.popitem()[0])
    return taken


def _next(card: str, edges: Edges, rings: Mapping[str, set[str]]) -> str:
    """What the card waits for on its cycle."""
    return next(needed for needed in edges[card] if needed in rings[card])


def _dependents(*graphs: Edges) -> dict[str, set[str]]:
    dependents: dict[str, set[str]] = {}
    for edges in graphs:
        for card, needs in edges.items():
            for needed in needs:
                dependents.setdefault(needed, set()).add(card)
    return dependents


def _spread(
    kinds: Mapping[str, str], rings: Iterable[str], dependents: Mapping[str, set[str]]
) -> Iterator[Stuck]:
    """Each card that waits for a root, named with the nearest one."""
    roots = {**dict.fromkeys(rings, CYCLE), **kinds}
    seen = set(roots)
    ahead = deque((root, root) for root in sorted(roots))
    while ahead:
        needed, root = ahead.popleft()
        for card in sorted(dependents.get(needed, ())):
            if card not in seen:
                seen.add(card)
                ahead.append((card, root))
                yield Stuck(card, roots[root], root, needed)
