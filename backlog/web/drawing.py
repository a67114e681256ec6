"""The picture of a card's neighbourhood: where things go. The template writes the SVG.

It is drawn in layers after Sugiyama: longest paths give the layers, the mean place of the
neighbours (barycentre) the order within them.
"""

from collections.abc import Sequence
from graphlib import CycleError, TopologicalSorter
from typing import Final, NamedTuple

from backlog.models import Card
from backlog.web.queries.neighbourhood import READABLE

_WIDTH: Final = 168
_HEIGHT: Final = 44
_ACROSS: Final = 56
_DOWN: Final = 16
_SWEEPS: Final = 4


class Box(NamedTuple):
    """A card: its top left corner, what it says in so much room."""

    card: Card
    x: int
    y: int
    width: int
    height: int
    label: str
    here: bool


class Graph(NamedTuple):
    """Boxes, and the paths of the arrows from what is waited for to what waits."""

    width: int
    height: int
    boxes: list[Box]
    arrows: list[str]


def graph(near: Sequence[Card], edges: Sequence[tuple[str, str]], here: str) -> Graph | None:
    """The cards from left (waited for) to right; `edges` are pairs (card, what it waits for).

    None if they are too many to read, or no DAG (edges can be written past the verbs).
    """
    if len(near) > READABLE:
        return None
    cards = {card.pk: card for card in near}
    try:
        layers = _layers(list(cards), edges)
    except CycleError:
        return None
    tallest = max(len(layer) for layer in layers)
    boxes: dict[str, Box] = {}
    for column, layer in enumerate(layers):
        offset = (tallest - len(layer)) * (_HEIGHT + _DOWN) // 2
        for row, card_id in enumerate(layer):
            x = 4 + column * (_WIDTH + _ACROSS)
            y = 4 + offset + row * (_HEIGHT + _DOWN)
            label = _short(card_id)
            boxes[card_id] = Box(cards[card_id], x, y, _WIDTH, _HEIGHT, label, card_id == here)
    return Graph(
        8 + len(layers) * (_WIDTH + _ACROSS) - _ACROSS,
        8 + tallest * (_HEIGHT + _DOWN) - _DOWN,
        list(boxes.values()),
        [_arrow(boxes[needed], boxes[card]) for card, needed in edges],
    )


def _layers(ids: Sequence[str], edges: Sequence[tuple[str, str]]) -> list[list[str]]:
    """Ids by the longest path that leads to them, each layer in an order with few crossings."""
    needs: dict[str, set[str]] = {card_id: set() for card_id in ids}
    needed_by: dict[str, set[str]] = {card_id: set() for card_id in ids}
    for card, needed in edges:
        needs[card].add(needed)
        needed_by[needed].add(card)
    depth: dict[str, int] = {}
    for card in TopologicalSorter(needs).static_order():
        depth[card] = max((depth[needed] + 1 for needed in needs[card]), default=0)
    # As far right as what waits for it allows: arrows are short.
    for card in sorted(ids, key=lambda each: -depth[each]):
        if needed_by[card]:
            depth[card] = min(depth[each] for each in needed_by[card]) - 1
    first = min(depth.values())
    layers: list[list[str]] = [[] for _ in range(max(depth.values()) - first + 1)]
    for card in ids:
        layers[depth[card] - first].append(card)
    for _ in range(_SWEEPS):
        _order(layers, needs)
        _order(layers[::-1], needed_by)
    return layers


def _order(layers: list[list[str]], neighbours: dict[str, set[str]]) -> None:
    place: dict[str, float] = {}
    for layer in layers:
        layer.sort(key=lambda card: _mean([place[n] for n in neighbours[card] if n in place]))
        place.update((card, row - (len(layer) - 1) / 2) for row, card in enumerate(layer))


def _mean(places: Sequence[float]) -> float:
    return sum(places) / len(places) if places else 0


def _arrow(start: Box, end: Box) -> str:
    x1, y1 = start.x + start.width, start.y + start.height // 2
    x2, y2 = end.x - 7, end.y + end.height // 2
    bend = max(24, (x2 - x1) // 2)
    return f"M{x1},{y1} C{x1 + bend},{y1} {x2 - bend},{y2} {x2},{y2}"


def _short(text: str, room: int = 20) -> str:
    return text if len(text) <= room else text[: room - 1] + "…"
