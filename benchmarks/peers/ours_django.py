"""The same verbs as methods of Django's manager, with this project's own settings."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django

from benchmarks.peers import ours
from benchmarks.server import environment

install = ours.install


def load(url: str, jobs: int) -> None:
    os.environ.update(environment(url))
    django.setup()
    ours.load(url, jobs)


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    from backlog.models import Card
    from backlog.verbs.batches import Held

    def cycle() -> int:
        cards = Card.objects.claim("worker", count=batch).cards
        if batch == 1:
            Card.objects.complete(cards[0].id, "worker", cards[0].attempts)
        else:
            held = [Held(card.id, card.attempts) for card in cards]
            outcomes = Card.objects.complete_many(held, "worker")
            assert not any(outcome.refusal for outcome in outcomes)
        return len(cards)

    yield cycle
