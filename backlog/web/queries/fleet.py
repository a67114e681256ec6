"""The fleet at work: who has claimed what."""

from collections.abc import Iterable
from typing import Any, Final

from backlog.models import Card
from backlog.web.queries import lines

# As many claims are named; more are counted only.
MOST_CLAIMS: Final = 500

_SHOWN: Final = lines.in_order(
    *("id", "title", "phase", "status", "attempts", "claim_owner"),
    *("claim_expires_at", "status_changed_at", "updated_at"),
)


def claims(**chosen: Any) -> list[Card]:
    """What is claimed (of cards with these values), the lease that ends first at the top; at most
    `MOST_CLAIMS` cards."""
    claimed = Card.objects.filter(claim_expires_at__isnull=False, **chosen).with_expired()
    first = claimed.order_by("claim_expires_at", "id")[:MOST_CLAIMS]
    return lines.cards(first, _SHOWN, "expired")


def by_worker(claims: Iterable[Card]) -> list[Card]:
    """The claims of each worker together, by its name: whoever takes another card stays in its
    place on an open page. (Expired ones stand above them all.)"""
    return sorted(claims, key=lambda card: str(card.claim_owner))
