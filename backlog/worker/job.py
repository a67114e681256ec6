"""What a function is given of a card, and what it may raise to say how its attempt ends."""

from decimal import Decimal
from threading import Event
from typing import Any

from backlog import values
from backlog.records import Record, json_value
from backlog.worker.outcome import DEFAULT_REASON


class Blocked(Exception):
    """A person must set something right first: the card is blocked, for this reason."""

    def __init__(self, reason: str = DEFAULT_REASON, note: str | None = None) -> None:
        """`reason` is one of `lifecycle.GIVEN_REASONS`. Raises `UsageError`."""
        self.reason, self.note = values.block_reason(reason), note
        super().__init__(note or reason)


class GiveBack(Exception):
    """Not now: the card is ready again after a while, and the attempt does not count."""

    def __init__(self, why: str = "", delay: int | None = None) -> None:
        """`delay` is in seconds; None: as after a failure. Raises `UsageError`."""
        self.delay = None if delay is None else values.at_least(delay, "delay", 0)
        super().__init__(why)


class Job:
    """A card in one attempt, for the function that works on it.

    `card` is the whole of it. `summary`, `tokens` and `cost` may be set, for the run. `ended` is
    set when the attempt is over before the function is: `why` says whether it was "lost" to another
    worker, "cancelled", its lease "expired", the worker "stopped", or it was "overdue": it took
    longer than the card's `max_runtime`, and has failed. Nothing that the function returns counts
    then; a coroutine is cancelled.
    """

    def __init__(self, card: Record) -> None:
        self.card = card
        self.summary: str | None = None
        self.tokens: int | None = None
        self.cost: Decimal | float | None = None
        self.ended = Event()
        self.why: str | None = None

    @property
    def id(self) -> str:
        return self.card.id

    @property
    def attempt(self) -> int:
        """With the id, the name of this claim for ever: to fence what is written elsewhere."""
        return self.card.attempts

    @property
    def title(self) -> str:
        return self.card.title

    @property
    def body(self) -> str | None:
        return self.card.body

    @property
    def phase(self) -> str | None:
        return self.card.phase

    @property
    def role(self) -> str | None:
        return self.card.role

    @property
    def acceptance(self) -> Any:
        """The JSON value; None if the card has none."""
        return json_value(self.card.acceptance)
