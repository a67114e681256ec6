"""The same verbs as methods of Django's manager, with this project's own settings."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import django

from benchmarks.peers import ours
from benchmarks.server import environment

install, load = ours.install, ours.load


@contextmanager
def client(url: str) -> Iterator[Callable[[], None]]:
    os.environ.update(environment(url))
    django.setup()
    from backlog.models import Card

    def cycle() -> None:
        card = Card.objects.claim("worker").card
        assert card
        Card.objects.complete(card.id, "worker", card.attempts)

    yield cycle
