"""What a worker was asked to do."""

from typing import Final, NamedTuple

from backlog.verbs.pool import Pool
from backlog.worker.deeds import ON_SESSION, Deeds

ONCE: Final = "once"
DRAIN: Final = "drain"
FOREVER: Final = "forever"


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
