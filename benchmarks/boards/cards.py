"""The backlog that each board is given: 1,500 cards, a few at work, a few stuck."""

from random import Random
from typing import Final, NamedTuple

READY, WAITING, RUNNING, EXPIRED, BLOCKED, DONE = (
    "ready",
    "waiting",
    "running",
    "expired",
    "blocked",
    "done",
)

# What workers ask, from four words to a paragraph: a board that cuts them does not show them.
QUESTIONS: Final = (
    "Which parser shall I keep?",
    "May I drop the column legacy_id?",
    "Is the staging key the one in the vault?",
    "Who reviews a change of the schema?",
    "The spec says 30 days, the code 31. Which one is right?",
    "The fixture has two users with one address: is that meant, or shall the test make its own?",
    "The new pytest refuses our marker. Upgrade all plugins, or stay until the release is out?",
    "The server answers 404 where the manual says 410. Do clients rely on it, or may I change it?",
    "Two teams own the module. Whose style applies, and who is asked before a name changes?",
    "The migration locks the table for four minutes on a copy of production. Shall I split it in "
    "three steps over two releases, or is there an hour in which it may run as it is?",
    "I found a password in a log of last spring. It is gone from the code, but not from the "
    "history. Shall I rewrite that, or does somebody change the password first?",
    "The benchmark is a tenth slower, and the only change is the new check of the input. Is the "
    "check worth that, or shall I look for a way to have both before I go on?",
)

# How many of the cards; all others are done.
_OPEN: Final = {BLOCKED: len(QUESTIONS), EXPIRED: 2, RUNNING: 8, WAITING: 88, READY: 390}
_CARDS: Final = 1_500
_PHASES: Final = 20


class Card(NamedTuple):
    """`worker` has it, or had it when it ended; `needs` is the number of the card it waits for."""

    number: int
    phase: str
    priority: int
    state: str
    worker: str | None
    question: str | None
    needs: int | None

    @property
    def title(self) -> str:
        """What a page shows of it, and of no other."""
        return f"Card number {self.number:04}"


BODY: Final = "What is to be done. " * 5


def made() -> list[Card]:
    """The same cards each time; one that waits stands behind the blocked one that it needs."""
    random = Random(7)
    states = [state for state, count in _OPEN.items() for _ in range(count)]
    states += [DONE] * (_CARDS - len(states))
    random.shuffle(states)
    questions = iter(QUESTIONS)
    blocked = [number for number, state in enumerate(states) if state == BLOCKED]
    return [
        Card(
            number,
            phase=f"P{random.randrange(_PHASES)}",
            priority=random.randrange(10),
            state=state,
            worker=f"worker-{number % 8}" if state in (RUNNING, EXPIRED, BLOCKED, DONE) else None,
            question=next(questions) if state == BLOCKED else None,
            needs=random.choice(blocked) if state == WAITING else None,
        )
        for number, state in enumerate(states)
    ]
