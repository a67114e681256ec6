"""`backlog work`: a thread a command at a time, each with a way of its own to the store."""

import signal
import threading
from collections.abc import Callable, Sequence
from typing import Any, Final

from backlog.session import Opener
from backlog.worker.attempt import Attempt, Surroundings
from backlog.worker.console import Log, Stream, pairs
from backlog.worker.engine import DONE, FAILED, TO_DIE_SECONDS, Engine, Part
from backlog.worker.lease import Claimed
from backlog.worker.link import Link
from backlog.worker.outcome import COMPLETED
from backlog.worker.plan import ONCE, Plan
from backlog.worker.standby import Standby
from backlog.worker.tracing import traces

__all__ = ["DONE", "FAILED", "work"]

# docs/workers.md has the table. What would end a process that does not heed it ends a worker, too,
# but not before its commands.
_NAMES: Final = (
    "TERM INT HUP USR1 USR2 ALRM VTALRM PROF XCPU IO PWR STKFLT QUIT ABRT TSTP TTIN TTOU"
)


def work(connect: Opener, plan: Plan, log_line: Callable[[dict[str, Any]], str] = pairs) -> str:
    """Work until there is no more to do or a signal ends it; how that ended.

    DONE, or for one card also FAILED, or why there was none. `log_line` makes a line of what is
    logged. For the main thread of a process. Raises `Refusal`.
    """
    with connect():
        pass  # a store that is not there, or is not ours, is told now and not waited for
    err = Stream(2)
    log = Log(plan.owner, err, log_line)
    standby = Standby(min(TO_DIE_SECONDS, plan.grace))
    traced = traces(plan.environ, log)
    around = Surroundings(log, Stream(1), err, threading.Event(), standby, traced)
    try:
        return _Commands(connect, plan, around).run()
    finally:
        standby.close()
        traced.close()
        log.close()


class _Commands(Engine[Attempt]):
    _heeded = frozenset(
        [
            *(each for each in signal.Signals if each.name.removeprefix("SIG") in _NAMES.split()),
            *range(getattr(signal, "SIGRTMIN", 1), getattr(signal, "SIGRTMAX", 0) + 1),
        ]
    )

    def __init__(self, connect: Opener, plan: Plan, around: Surroundings) -> None:
        super().__init__(connect, plan, around.log, around.over)
        self._around = around

    def _parts(self) -> Sequence[Part]:
        return [self._serve] * (1 if self._plan.until == ONCE else self._plan.concurrency)

    def _serve(self, link: Link) -> None:
        attempt = self._begun(self._next(link))
        while attempt is not None:
            following = None
            try:
                following = self._begun(self._seen_through(link, attempt))
            finally:
                self._settle([attempt])  # after the next has begun: work without a gap is no drain
            attempt.keep_output(link, ended=True)  # nothing waits for it
            if self._plan.until == ONCE:
                return
            attempt = following or self._begun(self._next(link))

    def _begun(self, cards: Claimed | None) -> Attempt | None:
        """The attempt at a card that was claimed, if one was."""
        if not cards:
            return None
        claimed, card = cards[0]
        attempt = Attempt(self._plan, card, claimed, self._around)
        self._begin([attempt])
        return attempt

    def _seen_through(self, link: Link, attempt: Attempt) -> Claimed:
        """Work on a card and tell its end; the card that this brings, if any."""
        end = attempt.run(link)
        if self._plan.until == ONCE:
            self._end = DONE if end is not None and attempt.tell(link, end) else FAILED
        elif end is not None and end.how == COMPLETED and not self._stopping.is_set():
            return attempt.tell_and_claim(link, end)
        elif end is not None:
            attempt.tell(link, end)
        return []
