"""Claims for a token that is limited to phases: the manager's, among their cards."""

from backlog.models import Card
from backlog.querysets.claiming import claiming
from backlog.verbs.claims import Claiming


def within(phases: list[str]) -> Claiming | None:
    """The verbs that claim cards of these phases only; None: of any."""
    return claiming(Card.objects.filter(phase__in=phases)) if phases else None
