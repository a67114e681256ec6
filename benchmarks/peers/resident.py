"""A resident worker's verb: complete the card that it holds and claim the next one."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from backlog.session import PsycopgSession
from backlog.verbs import claims
from benchmarks.peers import ours
from benchmarks.server import connect

install, load = ours.install, ours.load


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    assert batch == 1, "a batch is completed and claimed by two verbs"
    with connect(url) as connection:
        session = PsycopgSession(connection)
        yield cycle(
            partial(claims.claim, session), partial(claims.complete_and_claim, session, texts=False)
        )


def cycle(claim: Callable[..., Any], complete_and_claim: Callable[..., Any]) -> Callable[[], int]:
    """What completes a card and claims the next one, the first of which it claims now."""
    card = claim("worker").card

    def cycle() -> int:
        nonlocal card
        assert card, "the backlog is empty"
        card = complete_and_claim(card.id, "worker", card.attempts)[1].card
        return 1

    return cycle
