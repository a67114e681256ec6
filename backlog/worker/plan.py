"""What a worker was asked to do."""

from typing import Final, NamedTuple

from backlog.verbs.claims import Claim, claim
from backlog.verbs.pool import Pool

ONCE: Final = "once"
DRAIN: Final = "drain"
FOREVER: Final = "forever"


class Plan(NamedTuple):
    """Who works on what, for how long, by which command; `claim` claims the cards."""

    owner: str
    argv: list[str]
    environ: dict[bytes, bytes]  # the command's, before the card's own variables
    pool: Pool = Pool()
    ttl: int = 900
    concurrency: int = 1
    until: str = FOREVER
    grace: int = 30
    backoff: int = 10
    claim: Claim = claim
