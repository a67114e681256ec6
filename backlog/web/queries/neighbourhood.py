"""What is around a card in the DAG."""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from backlog.models import Card, Dependency
from backlog.planner import row_by_row
from backlog.web.queries import lines

STEPS: Final = 3
MOST: Final = 200
# As many cards are drawn; of more the edges are not needed.
READABLE: Final = 50

# As SQL: the ORM does not recurse. Each step is a look-up by id, however many edges there are.
_NEEDED: Final = row_by_row("SELECT dependency_id FROM backlog_dependency WHERE card_id = up.id")
_WAITING: Final = row_by_row("SELECT card_id FROM backlog_dependency WHERE dependency_id = down.id")
_WALK: Final = f"""
WITH RECURSIVE up(id, step) AS (
    SELECT %s::text COLLATE "C", 0 UNION SELECT next.id, up.step + 1
    FROM up CROSS JOIN LATERAL ({_NEEDED}) AS next (id) WHERE up.step < {STEPS}
), down(id, step) AS (
    SELECT %s::text COLLATE "C", 0 UNION SELECT next.id, down.step + 1
    FROM down CROSS JOIN LATERAL ({_WAITING}) AS next (id) WHERE down.step < {STEPS}
)
SELECT id FROM (
    (SELECT * FROM up LIMIT 2000) UNION ALL (SELECT * FROM down LIMIT 2000)) AS both_ways
GROUP BY id ORDER BY min(step), id LIMIT {MOST}"""


class Node(NamedTuple):
    """A card near one, and what it waits for of those.

    `rank`: how many there are from it to what waits for none of them, on the longest way.
    """

    number: int
    rank: int
    card: Card
    needs: "list[Node]"


class Neighbourhood(NamedTuple):
    """Cards near one by their distance, and the pairs (card, what it waits for) among them.

    The pairs are only of what can be drawn. What the card itself waits for, in its order, and what
    waits for it, unfinished first: at most `MOST` of each, and whether more wait. An id without a
    card is an unsaved `Card`, its state "missing".
    """

    cards: list[Card]
    edges: list[tuple[str, str]]
    needs: list[Card]
    needed_by: list[Card]
    more_needed_by: bool

    @property
    def nodes(self) -> list[Node]:
        """The cards with their ranks, what is waited for first; none if nothing can be drawn."""
        return nodes(self.cards, self.edges) if 1 < len(self.cards) <= READABLE else []


def nodes(cards: Sequence[Card], edges: Sequence[tuple[str, str]]) -> list[Node]:
    """The cards with their ranks, what is waited for first. The edges are among them.

    What is on a cycle, or waits for one, comes last.
    """
    known = ranks([card.pk for card in cards], edges)
    last = max(known.values(), default=0) + 1
    ordered = sorted(cards, key=lambda card: known.get(card.pk, last))
    made = {
        card.pk: Node(number, known.get(card.pk, last), card, [])
        for number, card in enumerate(ordered)
    }
    for card_id, needed in edges:
        made[card_id].needs.append(made[needed])
    return list(made.values())


def ranks(ids: Iterable[str], edges: Sequence[tuple[str, str]]) -> dict[str, int]:
    """The rank of each id, from 1; none of what is on a cycle, or waits for one."""
    left = dict.fromkeys(ids, 0)  # how many of what it waits for have no rank yet
    waiting: dict[str, list[str]] = {card_id: [] for card_id in left}
    for card_id, needed in edges:
        left[card_id] += 1
        waiting[needed].append(card_id)
    found: dict[str, int] = {}
    ready, rank = [card_id for card_id, number in left.items() if number == 0], 1
    while ready:
        found.update(dict.fromkeys(ready, rank))
        after = [each for card_id in ready for each in waiting[card_id]]
        for card_id in after:
            left[card_id] -= 1
        ready, rank = [each for each in dict.fromkeys(after) if left[each] == 0], rank + 1
    return found


def neighbourhood(card: Card) -> Neighbourhood:
    """What the card waits for and what waits for it, up to `STEPS` away, at most `MOST` cards."""
    walked = Card.objects.session().execute(_WALK, (card.pk, card.pk)).fetchall()
    ids: list[str] = [row[0] for row in walked]
    if len(ids) <= READABLE:  # everything near is among them
        among = Dependency.objects.filter(card__in=ids, dependency__in=ids)
        edges = sorted(among.values_list("card_id", "dependency_id"))
        waiting = [card_id for card_id, needed in edges if needed == card.pk]
    else:
        dependents = card.dependents.order_by("card_id").values_list("card_id", flat=True)
        edges, waiting = [], list(dependents[: MOST + 1])
    needs = card.depends_on[:MOST]
    cards = _cards({*ids, *needs, *waiting})
    return Neighbourhood(
        [cards[each] for each in ids],
        edges,
        [cards[each] for each in needs],
        sorted((cards[each] for each in waiting[:MOST]), key=lambda each: each.state == "done"),
        len(waiting) > MOST,
    )


def _cards(ids: Iterable[str]) -> dict[str, Card]:
    """The cards of these ids, by id, with title and state."""
    found = Card.objects.filter(pk__in=ids).with_state()
    cards = {card.pk: card for card in lines.cards(found, ("id", "title"), "state")}
    for missing in set(ids) - cards.keys():
        cards[missing] = Card(id=missing)
        cards[missing].state = "missing"
    return cards
