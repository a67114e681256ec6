"""What an outline would make, as rows of a table and of a drawing."""

from collections.abc import Sequence
from typing import NamedTuple

from backlog.lifecycle import DONE
from backlog.models import Card
from backlog.verbs.outline import Draft
from backlog.web.queries import lines
from backlog.web.queries.neighbourhood import READABLE


class Row(NamedTuple):
    """A card to be made, or (its line is 0) one beside the outline that such a card waits for.

    `needs`: the rows that it waits for, by their numbers and ids. An id without a card has the
    state "missing".
    """

    line: int
    id: str
    title: str
    phase: str | None
    priority: int
    state: str
    needs: list[tuple[int, str]]


def rows(drafts: Sequence[Draft]) -> list[Row]:
    """The cards of the outline in its order, then what else they wait for."""
    ids = [draft.id for draft in drafts]
    beside = sorted({each for draft in drafts for each in draft.depends_on} - set(ids))
    numbers = {each: number for number, each in enumerate([*ids, *beside])}
    found = lines.cards(Card.objects.filter(pk__in=beside).with_state(), _SHOWN, "state")
    known = {card.pk: card for card in found}
    finished = {card.pk for card in known.values() if card.state == DONE}

    def planned(draft: Draft) -> Row:
        needs = list(dict.fromkeys(draft.depends_on))
        state = "ready" if finished.issuperset(needs) else "waiting"
        needed = [(numbers[each], each) for each in needs]
        return Row(draft.line, draft.id, draft.title, draft.phase, draft.priority, state, needed)

    def there(card_id: str) -> Row:
        card = known.get(card_id)
        if card is None:
            return Row(0, card_id, "", None, 0, "missing", [])
        return Row(0, card_id, card.title, card.phase, card.priority, card.state, [])

    return [*map(planned, drafts), *map(there, beside)]


_SHOWN = ("id", "title", "phase", "priority")


def is_drawn(shown: Sequence[Row]) -> bool:
    """Whether a drawing of them can be read, and says anything."""
    return len(shown) <= READABLE and any(row.needs for row in shown)
