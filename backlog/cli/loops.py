"""A verb that goes on until it is stopped, whatever becomes of the database meanwhile."""

import random
import select
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Final

from backlog.errors import Refusal, SchemaTooNew
from backlog.records import one_line
from backlog.session import Opener, Session
from backlog.shown import say, say_json

Wait = Callable[[float], bool]

_SLOWEST_RETRY_SECONDS: Final = 30.0


def repeat[T](
    session: Session,
    connect: Opener,
    step: Callable[[Session], Iterable[T]],
    every: float,
    wait: Wait,
    tell: Callable[[str, str], str] | None = None,
) -> Iterator[T]:
    """What `step` gives, each flushed, about `every` seconds, until `wait` says to stop.

    A database that is away, or refuses, is waited for, with growing pauses; that, and its return,
    is one line each on stderr (`tell` makes it of what and the reason, in JSON). A step that fails
    has done nothing: it is made again.
    """
    from backlog.worker.link import Away, Link

    link = Link(connect, partial(_tell, tell), session)
    failed = 0
    said: str | None = None
    while True:
        try:
            lines = link.ask(step)
        except Away:
            failed += 1
        except SchemaTooNew:
            raise
        except Refusal as error:
            failed += 1
            if said != str(error):
                said = str(error)
                _tell(tell, "refused", one_line(error))
        else:
            failed, said = 0, None
            yield from lines
            sys.stdout.flush()
        if wait(_pause(every, failed)):
            link.close()
            return


def _tell(tell: Callable[[str, str], str] | None, what: str, reason: str = "") -> None:
    if tell is not None:
        say_json(sys.stderr, [f"{tell(what, reason)}\n"])
    else:
        say(sys.stderr, [told(reason)])


def told(reason: str) -> str:
    """In words: why it tries again; without a reason, that it need not any more."""
    return f"{reason}; trying again" if reason else "the database is back"


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
