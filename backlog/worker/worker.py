"""When to claim, when to wait, when to stop: threads that work, and the main one that watches."""

import contextvars
import os
import signal
import threading
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from backlog.errors import Refusal, SchemaTooNew, StoreUnavailable
from backlog.lifecycle import EMPTY
from backlog.records import Record, one_line
from backlog.session import ACTOR, Opener, Session, idle_pauses
from backlog.verbs.claims import Taken
from backlog.verbs.pool import pool_of
from backlog.worker import outcome
from backlog.worker.attempt import Attempt, Surroundings
from backlog.worker.clock import now
from backlog.worker.console import Log, Stream
from backlog.worker.link import Away, Link
from backlog.worker.plan import DRAIN, FOREVER, ONCE, Plan
from backlog.worker.standby import Standby

# How a worker's work ends, if not for want of a card: why there was none says `Taken`.
DONE: Final = "done"
FAILED: Final = "failed"

# docs/workers.md has the table. What would end a process that does not heed it ends a worker, too,
# but not before its commands.
_NAMES: Final = "TERM INT HUP USR1 USR2 ALRM VTALRM PROF XCPU IO PWR STKFLT"
_ENDING: Final = {
    *(each for each in signal.Signals if each.name.removeprefix("SIG") in _NAMES.split()),
    *range(getattr(signal, "SIGRTMIN", 1), getattr(signal, "SIGRTMAX", 0) + 1),
}
_AT_ONCE: Final = {signal.SIGQUIT, signal.SIGABRT}
_SUSPENDING: Final = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}
_SIGNALS: Final = _ENDING | _AT_ONCE | _SUSPENDING

_GUARD_SECONDS: Final = 0.2
# Who has not looked for that long did not run.
_SLEPT_SECONDS: Final = 0.5
# What a command has between SIGTERM and SIGKILL once the grace of a stop is over, at most, and what
# the database has to answer after that.
_TO_DIE_SECONDS: Final = 5.0
_TO_SETTLE_SECONDS: Final = 10.0


def work(connect: Opener, plan: Plan, as_json: bool = False) -> str:
    """Work until there is no more to do or a signal ends it; how that ended.

    DONE, or for one card also FAILED, or why there was none. For the main thread of a process.
    Raises `Refusal`.
    """
    with connect():
        pass  # a store that is not there, or is not ours, is told now and not waited for
    err = Stream(2)
    log = Log(plan.owner, err, as_json)
    standby = Standby(min(_TO_DIE_SECONDS, plan.grace))
    around = Surroundings(log, Stream(1), err, threading.Event(), standby)
    try:
        return _Worker(connect, plan, around).run()
    finally:
        standby.close()
        log.close()


class _Ended(NamedTuple):
    """A thread has ended, by this error or for want of work."""

    error: Exception | None


class _Worker:
    def __init__(self, connect: Opener, plan: Plan, around: Surroundings) -> None:
        self._connect, self._plan, self._log = connect, plan, around.log
        self._around = around
        # What the main thread hears of, signals among it; None: a command has begun, there is a
        # lease to guard.
        self._news: SimpleQueue[int | _Ended | None] = SimpleQueue()
        self._looked = now()
        self._stopping = threading.Event()
        self._give_back_at: float | None = None
        self._leave_at: float | None = None
        self._turn = threading.Lock()  # to claim: N threads ask no more often than one
        self._look_again = threading.Event()
        self._lock = threading.Lock()  # of the three below
        self._running: set[Attempt] = set()
        self._settled = 0
        self._drained = False
        self._end = DONE

    def run(self) -> str:
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup
                signal.signal(number, lambda n, frame: self._news.put(n))
        try:
            return self._watch(self._start())
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self) -> int:
        """Start the threads; how many."""
        ACTOR.set(self._plan.owner)
        count = 1 if self._plan.until == ONCE else self._plan.concurrency
        for _ in range(count):
            run = contextvars.copy_context().run
            threading.Thread(target=run, args=(self._serve,), daemon=True).start()
        return count

    # The main thread ------------------------------------------------------------------------------

    def _watch(self, threads: int) -> str:
        """Pass signals on and guard the leases, until every thread has ended."""
        errors = []
        while threads and not self._overdue():
            news = self._hear()
            self._guard(self._has_slept())
            if isinstance(news, int):
                self._signalled(news)
            elif isinstance(news, _Ended):
                threads -= 1
                if news.error is not None:
                    errors.append(news.error)
                    self._stop("error")
        self._around.over.set()
        if errors:
            raise errors[0]
        if self._attempts():
            raise StoreUnavailable("stopped; what is still claimed comes back when its lease ends")
        return self._end

    def _hear(self) -> int | _Ended | None:
        idle = not self._running and not self._stopping.is_set()
        try:
            return self._news.get(timeout=None if idle else _GUARD_SECONDS)
        except Empty:
            return None

    def _has_slept(self) -> bool:
        """Whether the process was stopped, or the machine, since it was asked last."""
        before, self._looked = self._looked, now()
        return self._looked - before > _SLEPT_SECONDS

    def _signalled(self, number: int) -> None:
        """Claim no more; the second time, wait for no command either."""
        name = outcome.signal_name(number)
        if number in _SUSPENDING:
            self._suspend(number, name)
        elif self._stopping.is_set():
            self._log("stopping", reason=f"{name} again")
            self._give_back(0)
        else:
            self._stop(name)
            if number in _AT_ONCE:
                self._give_back(0)

    def _suspend(self, number: int, name: str) -> None:
        """Stop as this signal stops a process, the commands with it, until SIGCONT."""
        attempts = self._attempts()
        self._log("suspended", reason=name)
        for attempt in attempts:
            attempt.suspend()
        handler = signal.signal(number, signal.SIG_DFL)
        os.kill(os.getpid(), number)
        signal.signal(number, handler)
        self._log("resumed")
        for attempt in attempts:
            attempt.resume()
        # Who writes to a terminal that wants no output (`stty tostop`) is told so again and again.
        for _ in range(self._news.qsize()):
            if (news := self._news.get()) not in _SUSPENDING:
                self._news.put(news)

    def _stop(self, why: str) -> None:
        if not self._stopping.is_set():
            self._log("stopping", reason=why)
            self._stopping.set()
            self._look_again.set()
            self._give_back_at = now() + self._plan.grace

    def _guard(self, slept: bool) -> None:
        if slept and self._leave_at is not None:
            self._leave_at = max(self._leave_at, now() + _TO_SETTLE_SECONDS)
        for attempt in self._attempts():
            attempt.guard(slept)
        if self._give_back_at is not None and now() >= self._give_back_at:
            self._give_back(min(_TO_DIE_SECONDS, self._plan.grace))

    def _give_back(self, to_die: float) -> None:
        self._give_back_at = None
        for attempt in self._attempts():
            attempt.give_back(to_die)
        self._leave_at = now() + to_die + _TO_SETTLE_SECONDS

    def _overdue(self) -> bool:
        if self._stopping.is_set() and self._leave_at is None and not self._attempts():
            self._leave_at = now() + _TO_SETTLE_SECONDS  # only the database is waited for
        return self._leave_at is not None and now() >= self._leave_at

    def _attempts(self) -> list[Attempt]:
        with self._lock:
            return list(self._running)

    # The threads that work ------------------------------------------------------------------------

    def _serve(self) -> None:
        link = Link(self._connect, self._log)
        error: Exception | None = None
        try:
            while (attempt := self._next(link)) is not None:
                completed = self._see_through(attempt, link)
                if self._plan.until == ONCE:
                    self._end = DONE if completed else FAILED
                    break
        except Away:
            pass  # and the worker stops
        except Exception as unexpected:
            error = unexpected
        link.close()
        self._news.put(_Ended(error))

    def _see_through(self, attempt: Attempt, link: Link) -> bool:
        try:
            return attempt.run(link)
        finally:
            with self._lock:
                self._running.discard(attempt)
                self._settled += 1
            self._look_again.set()

    def _next(self, link: Link) -> Attempt | None:
        """The next card, when there is one; None: no more."""
        said = None
        with self._turn:
            for pause in idle_pauses():
                self._look_again.clear()
                if self._stopping.is_set() or self._drained:
                    return None
                settled = self._settled
                try:
                    claimed, taken = link.insist(self._take, self._stopping)
                except SchemaTooNew:
                    raise
                except Refusal as error:
                    if self._plan.until != FOREVER:
                        raise
                    # A row that nobody can claim, say: somebody will set it right.
                    claimed, taken = now(), Taken([], f"refused: {one_line(error)}")
                if taken.cards:
                    return self._begun(Attempt(self._plan, taken.cards[0], claimed, self._around))
                if self._is_enough(taken.why or EMPTY, settled):
                    return None
                if said != taken.why:
                    said = taken.why
                    self._log("waiting", reason=said)
                self._look_again.wait(pause)
        return None

    def _take(self, session: Session) -> tuple[float, Taken[Record]]:
        """And when it was asked for: no lease of it is over earlier."""
        plan = self._plan
        pool = pool_of(session, *plan.pool)
        return now(), plan.claiming.claim(session, plan.owner, plan.ttl, pool)

    def _begun(self, attempt: Attempt) -> Attempt:
        with self._lock:
            self._running.add(attempt)
        self._news.put(None)
        if self._stopping.is_set():
            attempt.give_back(0)
        return attempt

    def _is_enough(self, why: str, settled: int) -> bool:
        """Whether to end now that a claim got nothing, asked when so many were settled."""
        if self._plan.until == ONCE:
            self._end = why
            return True
        if self._plan.until == DRAIN:
            # What one of ours finished since may have made others claimable.
            with self._lock:
                self._drained = not self._running and self._settled == settled
            if self._drained:
                self._log("drained", reason=why)
        return self._drained
