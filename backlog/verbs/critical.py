"""The critical path: of the chains of cards that wait for each other, the one that takes most."""

from collections.abc import Iterable, Mapping
from contextlib import suppress
from graphlib import CycleError, TopologicalSorter
from typing import Any

# Of a card what is projected: its cost, and its tokens. None: nothing.
Projected = tuple[Any, int | None]


def critical_path(cards: Mapping[str, Projected], edges: Iterable[tuple[str, str]]) -> list[str]:
    """The chain with the greatest projected cost; of those that cost the same, with the most
    tokens, then the most cards: where nothing is projected, these alone count. What is waited for
    is first.

    Of `edges`, pairs (card, what it waits for), those count that have both ends among the cards;
    what is on a cycle, or waits for one, is on no chain.
    """
    needs: dict[str, list[str]] = {card_id: [] for card_id in cards}
    for card_id, needed in edges:
        if card_id in needs and needed in needs:
            needs[card_id].append(needed)
    sorter = TopologicalSorter(needs)
    with suppress(CycleError):  # it still gives out all that waits for none
        sorter.prepare()
    takes: dict[str, tuple[Any, int, int]] = {}
    before: dict[str, str | None] = {}
    while ready := sorter.get_ready():
        for card_id in ready:
            cost, tokens = cards[card_id]
            longest = max(sorted(needs[card_id]), key=takes.__getitem__, default=None)
            above = takes[longest] if longest is not None else (0, 0, 0)
            takes[card_id] = (above[0] + (cost or 0), above[1] + (tokens or 0), above[2] + 1)
            before[card_id] = longest
        sorter.done(*ready)
    last = max(sorted(takes), key=takes.__getitem__, default=None)
    path: list[str] = []
    while last is not None:
        path.append(last)
        last = before[last]
    return path[::-1]
