"""The same verb as a method of Django's manager."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.peers import ours_django, resident

install, load = ours_django.install, ours_django.load


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    from backlog.models import Card

    yield resident.cycle(Card.objects.claim, Card.objects.complete_and_claim)
