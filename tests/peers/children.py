"""What the processes of these tests do; see `tests.workers.together`."""

import os
import sys
from typing import Any

from backlog.session import Session
from backlog.verbs import cards, claims, moves
from tests.workers import serve, tell

# A field for each of the writers of one card; those after them only link.
FIELDS: tuple[tuple[str, Any], ...] = (
    ("title", "Title"),
    ("body", "Body"),
    ("phase", "M1"),
    ("role", "tester"),
    ("priority", 7),
    ("acceptance", '["it works"]'),
    ("idempotency_key", "key"),
    ("max_attempts", 3),
)


def claim_and_give_back(session: Session, card_id: str, owner: str) -> None:
    """For as long as there is anything to claim by its id; each attempt."""
    while cards.show(session, card_id).status != "blocked":
        card = claims.claim(session, owner, card_id=card_id).card
        if card is not None:
            tell(card.attempts)
            moves.release(session, card_id, owner, card.attempts)


def claim_and_vanish(session: Session, card_id: str, owner: str) -> None:
    """Ends without a word to anybody but the test."""
    card = claims.claim(session, owner, card_id=card_id).card
    assert card is not None
    tell(card.attempts)
    os._exit(0)


def create_and_edit(session: Session, count: str, owner: str) -> None:
    """Cards of its own, each edited once: what was acknowledged."""
    for number in range(int(count)):
        card = cards.create(session, f"{owner}-{number}", "Card", priority=number)
        tell([card.id, cards.edit(session, card.id, title=f"Edited by {owner}").title])


def edit_one(session: Session, card_id: str, owner: str) -> None:
    """A field of its own, and a dependency of its own, of a card that others edit too."""
    number = int(owner.removeprefix("w"))
    tell(cards.link(session, card_id, f"for-{owner}").id)
    for field, value in FIELDS[number : number + 1]:
        cards.edit(session, card_id, **{field: value})
        tell(field)


if __name__ == "__main__":
    serve([claim_and_give_back, claim_and_vanish, create_and_edit, edit_one], *sys.argv[1:])
