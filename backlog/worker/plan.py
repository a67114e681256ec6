"""What a worker was asked to do, and what it asks of the store."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from backlog.records import Record
from backlog.verbs import moves, output, runs
from backlog.verbs.claims import DIRECTLY, Claiming, Taken
from backlog.verbs.output import Printed
from backlog.verbs.pool import Pool, pool_of

ONCE: Final = "once"
DRAIN: Final = "drain"
FOREVER: Final = "forever"


class Deeds(NamedTuple):
    """Each is given what the worker's link has opened, then what the verb of its name takes.

    What is opened is a session here, and may be another thing where other deeds are done: nothing
    else of the worker looks at it. They refuse, and fail, as the verbs do.
    """

    claim: Callable[..., Taken[Record]]
    complete_and_claim: Callable[..., tuple[Record, Taken[Record]]]
    pool: Callable[..., Pool] = pool_of
    renew: Callable[..., Any] = moves.renew
    complete: Callable[..., Record | None] = moves.complete
    block: Callable[..., Record | None] = moves.block
    release: Callable[..., Record | None] = moves.release
    ended: Callable[..., str | None] = runs.ended
    keep: Callable[[Any, str, int, str, Printed], bool] = output.keep


def by(claiming: Claiming) -> Deeds:
    """On a session, where these verbs claim."""
    return Deeds(*claiming)


ON_SESSION: Final = by(DIRECTLY)


class Plan(NamedTuple):
    """Who works on what, for how long, by which command; `deeds` asks the store."""

    owner: str
    argv: list[str]
    environ: dict[bytes, bytes]  # the command's, before the card's own variables
    pool: Pool = Pool()
    ttl: int = 900
    concurrency: int = 1
    until: str = FOREVER
    grace: int = 30
    backoff: int = 10
    deeds: Deeds = ON_SESSION
    output: bool = True  # what a command prints is kept
    max_runtime: int | None = None  # seconds that a command may run
    stall: int | None = None  # seconds that it may print nothing
