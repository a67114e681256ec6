"""A card as a page showed it."""

from datetime import datetime
from typing import Any, NamedTuple

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import STATUSES


class Seen(NamedTuple):
    """A card as the page showed it: what its form sends back."""

    status: str
    updated_at: datetime
    card_id: str

    def __str__(self) -> str:
        return f"{self.status} {self.updated_at.isoformat()} {self.card_id}"

    @classmethod
    def of(cls, card: Any) -> "Seen":
        """As this card (of the table or of the board) is now."""
        return cls(card.status, card.updated_at, card.id)

    @classmethod
    def parse(cls, text: str) -> "Seen":
        """What `str` made. Raises `UsageError`."""
        status, _, rest = text.partition(" ")
        moment, _, card_id = rest.replace("\r\n", "\n").partition(" ")  # as browsers send ends
        if status not in STATUSES:
            raise UsageError("a card to act on is its status, its time and its id")
        at = values.moment(moment, "the time of the card")
        return cls(status, at, values.line(card_id, "id"))
