"""How far a fleet has come: what the first steps wait for."""

from typing import NamedTuple

from backlog.lifecycle import CLAIMED
from backlog.models import Card, EndedRun


class Progress(NamedTuple):
    """Whether there are cards, whether one was ever claimed, and whether a run completed one.

    Of what is kept: runs of done cards go in time (`sweep`).
    """

    cards: bool
    claimed: bool
    completed: bool


def progress() -> Progress:
    """A row at most is read for each answer."""
    runs = EndedRun.objects.filter(attempt__isnull=False)
    completed = runs.filter(outcome="completed").exists()
    claimed = completed or Card.objects.filter(status=CLAIMED).exists() or runs.exists()
    return Progress(Card.objects.exists(), claimed, completed)
