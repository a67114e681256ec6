"""A resident worker's verb: complete what it holds and claim the next card."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from backlog.session import PsycopgSession
from backlog.verbs import claims
from benchmarks.peers import ours
from benchmarks.server import connect

install, load = ours.install, ours.load


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    assert batch == 1, "a batch is claimed and completed"
    with connect(url) as connection:
        session = PsycopgSession(connection)
        card = claims.claim(session, "worker").card

        def cycle() -> int:
            nonlocal card
            assert card, "the backlog is empty"
            _, taken = claims.complete_and_claim(session, card.id, "worker", card.attempts)
            card = taken.card
            return 1

        yield cycle
