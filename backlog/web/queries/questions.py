"""What waits for a word of an operator: cards that are blocked alike are one question."""

from collections.abc import Iterable
from typing import NamedTuple

from backlog.lifecycle import BLOCKED, READY
from backlog.models import Card
from backlog.templatetags.backlog import LINE


class Question(NamedTuple):
    """A card that waits, and the others that are blocked for its reason, with its note, or wait
    for the same that does not exist."""

    card: Card
    others: list[Card]


def questions(cards: Iterable[Card]) -> list[Question]:
    """The cards, as `lines` reads them, grouped by what they ask, in the order of the first."""
    asked: dict[tuple[str, ...], list[Card]] = {}
    for card in cards:
        asked.setdefault(_asked(card), []).append(card)
    return [Question(first, others) for first, *others in asked.values()]


def _asked(card: Card) -> tuple[str, ...]:
    """What the card asks. Of a long note only the beginning is read: it is nobody else's."""
    if card.status == READY:
        return (READY, card.waits_for[0][0])
    note = card.block_note or ""
    if card.status != BLOCKED or len(note) > LINE:
        return (card.id,)
    return (card.block_reason or "", note)
