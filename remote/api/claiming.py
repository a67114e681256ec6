"""Claims for a token that is limited to phases: the manager's, among their cards."""

from functools import partial
from typing import Any

from backlog.models import Card
from backlog.session import Session
from backlog.verbs.claims import Claiming
from backlog.verbs.pool import Pool


def within(phases: list[str]) -> Claiming | None:
    """The verbs that claim cards of these phases only; None: of any."""
    if not phases:
        return None
    return Claiming(partial(_claim, phases), partial(_complete_and_claim, phases))


def _among(phases: list[str], pool: Pool) -> tuple[Any, dict[str, Any]]:
    cards, among = Card.objects.filter(phase__in=phases), pool._asdict()
    if among.pop("named"):
        cards = cards.filter(role__isnull=False)
    return cards, {**among, "as_records": True}


def _claim(
    phases: list[str],
    session: Session,
    owner: str,
    ttl: int,
    pool: Pool,
    count: int = 1,
    **how: Any,
) -> Any:
    cards, among = _among(phases, pool)
    return cards.claim(owner, ttl, count=count, **among, **how)


def _complete_and_claim(
    phases: list[str], session: Session, *words: Any, pool: Pool, texts: bool = True, **how: Any
) -> Any:
    cards, among = _among(phases, pool)
    return cards.complete_and_claim(*words, **among, **how)
