"""The graph of the cards, whole or of a phase, in the notations that others draw."""

from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any, Final, NamedTuple

from backlog.errors import Refusal
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, READY
from backlog.session import Session
from backlog.shown import flat
from backlog.values import Digits
from backlog.verbs import names
from backlog.verbs.critical import critical_path

MOST: Final = 100_000
_LONGEST_TITLE: Final = 60
# A dependency that no card has: what waits for it waits for ever.
MISSING: Final = "missing"

_CARDS: Final = """
SELECT id, title, phase, status, priority, projected_cost, projected_tokens, depends_on FROM backlog
WHERE (%s::text IS NULL OR phase = %s) AND (NOT %s OR status <> 'done')
ORDER BY priority DESC, created_at, id LIMIT %s"""
_OTHERS: Final = """
SELECT id, title, phase, status, priority, projected_cost, projected_tokens
FROM backlog WHERE id = ANY (%s)"""


class Node(NamedTuple):
    """A card; `status` may also be MISSING."""

    id: str
    title: str
    phase: str | None
    status: str
    priority: int
    projected_cost: Any = None
    projected_tokens: int | None = None


class Edge(NamedTuple):
    """`card` waits for `dependency`."""

    card: str
    dependency: str


class Graph(NamedTuple):
    """Cards in the order of claims, then those of other phases that they wait for; if it was asked
    for, the critical path of what is not done among these (`backlog.verbs.critical`)."""

    cards: list[Node]
    edges: list[Edge]
    critical: list[str] | None = None


def graph(
    session: Session, phase: str | None = None, *, is_open: bool = False, critical: bool = False
) -> Graph:
    """The cards of a phase (None: all) and what they wait for; `is_open`: without what is done.

    Raises `Refusal` for more than MOST cards.
    """
    phase = names.found(session, "phase", phase)
    rows = session.execute(_CARDS, (phase, phase, is_open, MOST + 1)).fetchall()
    if len(rows) > MOST:
        raise Refusal(f"the graph has more than {MOST:,} cards: name a --phase, or take --open")
    waits = [Edge(card, dependency) for card, *_, needed in rows for dependency in needed]
    found = {row[0]: Node(*row[:-1]) for row in rows}
    others = {edge.dependency for edge in waits} - found.keys()
    for row in session.execute(_OTHERS, (sorted(others),)):
        found[row[0]] = Node(*row)
    for each in sorted(others - found.keys()):
        found[each] = Node(each, "there is no such card", None, MISSING, 0)
    left_out = {node.id for node in found.values() if is_open and node.status == DONE}
    unfinished = {
        node.id: (node.projected_cost, node.projected_tokens)
        for node in found.values()
        if critical and node.status not in (DONE, MISSING)
    }
    return Graph(
        [node for node in found.values() if node.id not in left_out],
        [edge for edge in waits if edge.dependency not in left_out],
        critical_path(unfinished, waits) if critical else None,
    )


_SHOWN: Final = Node._fields[: Node._fields.index("projected_cost")]


def as_json(drawn: Graph) -> dict[str, Any]:
    """`cards` and `edges`; `from` depends on `to`, as the verb `link` has it. `critical`: the
    critical path, if it was asked for, and what is projected of it. For `values.exact_json`."""
    cards = [{name: getattr(node, name) for name in _SHOWN} for node in drawn.cards]
    edges = [{"from": edge.card, "to": edge.dependency} for edge in drawn.edges]
    return {"cards": cards, "edges": edges, **_critical(drawn)}


def _critical(drawn: Graph) -> dict[str, Any]:
    if drawn.critical is None:
        return {}
    ids = set(drawn.critical)
    on_it = [node for node in drawn.cards if node.id in ids]
    cost = sum(node.projected_cost or 0 for node in on_it)
    tokens = sum(node.projected_tokens or 0 for node in on_it)
    spend = {"projectedCost": Digits(f"{cost:f}"), "projectedTokens": tokens}
    return {"critical": {"cards": drawn.critical, **spend}}


def _steps(drawn: Graph) -> set[tuple[str, str]]:
    """The edges of the critical path, as pairs (card, what it waits for)."""
    return {(card, needed) for needed, card in pairwise(drawn.critical or ())}


_COLOURS: Final = {
    READY: "#dbeafe",
    CLAIMED: "#fef3c7",
    BLOCKED: "#fee2e2",
    DONE: "#dcfce7",
    MISSING: "#ffffff",
}


def as_dot(drawn: Graph) -> Iterator[str]:
    """Graphviz: an arrow leads from what is needed to what waits for it."""
    yield "digraph backlog {"
    yield "  rankdir=LR;"
    yield '  node [shape=box, style="filled,rounded"];'
    critical, steps = set(drawn.critical or ()), _steps(drawn)
    for node in drawn.cards:
        label, bold = f"{node.id}\n{_title(node)}", ", penwidth=3" if node.id in critical else ""
        look = f'fillcolor="{_COLOURS[node.status]}"{bold}'
        yield f"  {_quoted(node.id)} [label={_quoted(label)}, {look}];"
    for edge in drawn.edges:
        bold = " [penwidth=3]" if edge in steps else ""
        yield f"  {_quoted(edge.dependency)} -> {_quoted(edge.card)}{bold};"
    yield "}"


def as_mermaid(drawn: Graph) -> Iterator[str]:
    """Mermaid, with names of its own for the cards: ids may be anything."""
    yield "graph LR"
    numbers = {node.id: f"c{number}" for number, node in enumerate(drawn.cards)}
    for node in drawn.cards:
        label = _entities(f"{node.id}: {_title(node)}")
        yield f'  {numbers[node.id]}["{label}"]:::{node.status}'
    steps = _steps(drawn)
    for edge in drawn.edges:
        arrow = "==>" if edge in steps else "-->"
        yield f"  {numbers[edge.dependency]} {arrow} {numbers[edge.card]}"
    for status, colour in _COLOURS.items():
        yield f"  classDef {status} fill:{colour},color:#000"
    if drawn.critical:
        yield "  classDef critical stroke:#000,stroke-width:3px"
        yield f"  class {','.join(numbers[each] for each in drawn.critical)} critical"


FORMATS: Final[dict[str, Callable[[Graph], Iterator[str]]]] = {"dot": as_dot, "mermaid": as_mermaid}


def _title(node: Node) -> str:
    return flat(node.title, _LONGEST_TITLE)


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def _entities(text: str) -> str:
    """Without what Mermaid reads as its own, or a browser as HTML."""
    special = '"#;<>&`\\'
    return "".join(f"#{ord(each)};" if each in special else each for each in text)
