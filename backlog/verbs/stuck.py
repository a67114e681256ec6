"""Cards that can never become ready by themselves, each with the cause that holds it up.

A card that waits goes on when everything it waits for is done. So it never does if it waits,
directly or through others that wait, for a card that is blocked, for an id that does not exist, or
for itself. A claimed card ends the search, and one in review: it may be completed.
"""

from collections import defaultdict, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

from backlog.lifecycle import READY
from backlog.planner import no_nested_loops
from backlog.session import Session, in_pages

MISSING: Final = "missing"
CYCLE: Final = "cycle"

# Cards that wait for what is not done and will not be at once: what is claimable or claimed is left
# out. The status of what they wait for is empty where it does not exist.
_WAITING: Final = """
SELECT edge.card_id, array_agg(edge.dependency_id ORDER BY edge.dependency_id),
    array_agg(coalesce(needed.status, '') ORDER BY edge.dependency_id)
FROM backlog_dependency edge
JOIN backlog card ON card.id = edge.card_id
LEFT JOIN backlog needed ON needed.id = edge.dependency_id
WHERE card.status IN ('ready', 'blocked') AND card.open_dependencies > 0 AND (
    needed.id IS NULL OR needed.status = 'blocked' AND needed.block_reason <> 'in_review'
    OR needed.status = 'ready' AND needed.open_dependencies > 0)
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

    A blocked card is in here only if it is on a cycle as well. Holds in memory what waits for what
    waits, nothing else of the backlog.
    """
    kinds, edges = _waiting(session)
    behind = _behind_cycles(edges)
    rings = {card: ring for ring in _rings(behind) for card in ring}
    next_one = {card: next(i for i in behind[card] if i in rings[card]) for card in sorted(rings)}
    on_cycle = [Stuck(card, CYCLE, card, needed) for card, needed in next_one.items()]
    return [*on_cycle, *_spread(kinds, rings, edges)]


def _waiting(session: Session) -> tuple[dict[str, str], dict[str, list[str]]]:
    """What is blocked or missing of that which cards wait for; and the cards, with what that is."""
    kinds, edges = {}, {}
    with no_nested_loops(session):
        for card, needs, statuses in in_pages(session, _WAITING):
            edges[card] = needs
            for needed, status in zip(needs, statuses, strict=True):
                if status != READY:
                    kinds[needed] = status or MISSING
    return kinds, edges


def _behind_cycles(edges: Edges) -> dict[str, list[str]]:
    """The part of the graph that can never be worked off: cycles, and what waits for them."""
    sorter = TopologicalSorter(edges)
    try:
        sorter.prepare()
    except CycleError:
        pass  # it still gives out all that is on no cycle and waits for none
    else:
        return {}
    left = set(edges)
    while ready := sorter.get_ready():
        sorter.done(*ready)
        left.difference_update(ready)
    return {card: [needed for needed in edges[card] if needed in left] for card in left}


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


def _spread(kinds: Mapping[str, str], rings: Iterable[str], edges: Edges) -> Iterator[Stuck]:
    """Each card that waits for a root, named with the nearest one."""
    dependents = defaultdict[str, list[str]](list)
    for card, needs in edges.items():
        for needed in needs:
            dependents[needed].append(card)
    roots = {**dict.fromkeys(rings, CYCLE), **kinds}
    reached = set(roots)
    ahead = deque((root, root) for root in sorted(roots))
    while ahead:
        needed, root = ahead.popleft()
        for card in sorted(dependents[needed]):
            if card not in reached:
                reached.add(card)
                ahead.append((card, root))
                yield Stuck(card, roots[root], root, needed)
