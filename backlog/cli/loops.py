"""A verb that goes on until it is stopped, whatever becomes of the database meanwhile."""

import random
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, ExitStack, suppress
from typing import Final

from backlog.session import Session, as_refusal

Opener = Callable[[], AbstractContextManager[Session]]
Wait = Callable[[float], bool]

_SLOWEST_RETRY_SECONDS: Final = 30.0


def repeat(
    session: Session,
    open_session: Opener,
    step: Callable[[Session], Iterable[str]],
    every: float,
    wait: Wait,
) -> Iterator[str]:
    """The lines of `step`, each flushed, about `every` seconds, until `wait` says to stop.

    A database that is away is waited for, with growing pauses; that, and its return, is one line
    each on stderr. A step that fails has done nothing: it is made again.
    """
    from backlog.worker.link import is_away

    failed = 0
    opened = ExitStack()
    now: Session | None = session
    with opened:
        while True:
            try:
                now = now or opened.enter_context(open_session())
                lines = step(now)
            except Exception as error:
                if not is_away(error):
                    raise
                if not failed:
                    message = " ".join(str(as_refusal(error)).split())
                    sys.stderr.write(f"{message}; trying again\n")
                failed += 1
                now = None
                with suppress(Exception):  # a broken connection has nothing left to say
                    opened.close()
            else:
                if failed:
                    sys.stderr.write("the database is back\n")
                failed = 0
                yield from lines
                sys.stdout.flush()
            if wait(_pause(every, failed)):
                return


def _pause(every: float, failed: int) -> float:
    # With jitter: what was started at one moment need not come back at one moment for ever.
    pause = min(0.25 * 2**failed, _SLOWEST_RETRY_SECONDS) if failed else every
    return pause * random.uniform(0.8, 1.2)  # noqa: S311 (not a secret)


def until_unread(seconds: float) -> bool:
    """Wait; whether the reader of standard output has gone meanwhile."""
    try:
        output = sys.stdout.fileno()
    except OSError:  # no file at all
        time.sleep(seconds)
        return False
    poll = select.poll()
    poll.register(output, 0)
    return bool(poll.poll(seconds * 1000))
