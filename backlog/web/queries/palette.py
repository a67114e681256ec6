"""What the palette finds by a part of its name, a few of each kind."""

from backlog.models import Card
from backlog.web.queries.filters import phases

MOST_NAMES = 5


def phases_called(text: str) -> list[str]:
    """In the order of their names."""
    part = text.casefold()
    return [name for name in phases(Card.objects.session()) if part in name.casefold()][:MOST_NAMES]


def workers_called(text: str) -> list[str]:
    """Of those who have claimed a card, in the order of their names."""
    held = Card.objects.filter(claim_expires_at__isnull=False, claim_owner__icontains=text)
    names = held.order_by("claim_owner").values_list("claim_owner", flat=True).distinct()
    return [name for name in names[:MOST_NAMES] if name]
