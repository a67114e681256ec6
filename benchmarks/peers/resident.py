"""A resident worker's verbs: complete what it holds and claim the next, one card or a batch."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from backlog.session import PsycopgSession
from backlog.verbs import batches, claims
from backlog.verbs.batches import Held
from benchmarks.peers import ours
from benchmarks.server import connect

install, load = ours.install, ours.load


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    with connect(url) as connection:
        session = PsycopgSession(connection)
        if batch == 1:
            verb = partial(claims.complete_and_claim, session, texts=False)
            yield cycle(partial(claims.claim, session), verb)
        else:
            yield _cycle_of(batch, session)


def cycle(claim: Callable[..., Any], complete_and_claim: Callable[..., Any]) -> Callable[[], int]:
    """What completes a card and claims the next one, the first of which it claims now."""
    card = claim("worker").card

    def cycle() -> int:
        nonlocal card
        assert card, "the backlog is empty"
        card = complete_and_claim(card.id, "worker", card.attempts)[1].card
        return 1

    return cycle


def _cycle_of(number: int, session: PsycopgSession) -> Callable[[], int]:
    """As `cycle`, of so many cards at once."""
    cards = claims.claim(session, "worker", count=number).cards

    def cycle() -> int:
        nonlocal cards
        assert cards, "the backlog is empty"
        held = [Held(card.id, card.attempts) for card in cards]
        outcomes, taken = batches.complete_many_and_claim(
            session, held, "worker", number, texts=False
        )
        assert not any(outcome.refusal for outcome in outcomes)
        cards = taken.cards
        return len(held)

    return cycle
