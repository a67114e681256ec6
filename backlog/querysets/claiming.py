"""The verbs that claim as a queryset does them: of its cards, on its connection."""

from functools import partial
from typing import Any

from backlog.querysets.cards import CardQuerySet
from backlog.session import Session
from backlog.verbs.claims import Claiming
from backlog.verbs.pool import Pool


def claiming(cards: CardQuerySet) -> Claiming:
    """What the command claims with in place of its own verbs: of these cards only, whatever session
    it hands over; they are given as it prints them. A card that it names by its id is asked about
    before (`backlog.verbs.rights`), and is claimed whatever these are."""
    return Claiming(partial(_claim, cards), partial(_complete_and_claim, cards))


def _claim(
    cards: CardQuerySet,
    session: Session,
    owner: str,
    ttl: int,
    pool: Pool,
    count: int = 1,
    *,
    card_id: str | None = None,
    wait: int = 0,
) -> Any:
    if card_id is not None:
        of_all = CardQuerySet(cards.model, using=cards.db)
        return of_all.claim(owner, ttl, card_id=card_id, as_records=True)
    how: dict[str, Any] = {**pool._asdict(), "count": count, "wait": wait}
    return cards.claim(owner, ttl, as_records=True, **how)


def _complete_and_claim(
    cards: Any, session: Session, *words: Any, pool: Pool, texts: bool = True, **how: Any
) -> Any:
    # A queryset gives a card whole, texts or not.
    return cards.complete_and_claim(*words, **pool._asdict(), as_records=True, **how)
