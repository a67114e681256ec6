"""What a worker asks of the store: one object that does it, so that the store may be elsewhere."""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from backlog.records import Record
from backlog.verbs import moves, output, runs
from backlog.verbs.claims import DIRECTLY, Claiming, Taken
from backlog.verbs.output import Printed
from backlog.verbs.pool import Pool, pool_of


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
