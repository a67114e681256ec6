"""When to claim, when to wait, when to stop: threads that work, and the main one that watches."""

import contextvars
import signal
import threading
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from backlog.errors import StoreUnavailable
from backlog.lifecycle import EMPTY
from backlog.records import Record
from backlog.session import ACTOR, Opener, Session, idle_pauses
from backlog.verbs.claims import Taken
from backlog.worker.attempt import Attempt, Surroundings
from backlog.worker.clock import now
from backlog.worker.console import Log, Stream
from backlog.worker.link import Away, Link
from backlog.worker.plan import DRAIN, ONCE, Plan

# How a worker's work ends, if not for want of a card: why there was none says `Taken`.
DONE: Final = "done"
FAILED: Final = "failed"

_SIGNALS: Final = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
_GUARD_SECONDS: Final = 0.2
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
    try:
        return _Worker(connect, plan, log, Stream(1), err).run()
    finally:
        log.close()


class _Ended(NamedTuple):
    """A thread has ended, by this error or for want of work."""

    error: Exception | None


class _Worker:
    def __init__(self, connect: Opener, plan: Plan, log: Log, out: Stream, err: Stream) -> None:
        self._connect, self._plan, self._log = connect, plan, log
        self._around = Surroundings(log, out, err, threading.Event())
        # What the main thread hears of; None: a command has begun, there is a lease to guard.
        self._news: SimpleQueue[signal.Signals | _Ended | None] = SimpleQueue()
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
                signal.signal(number, lambda n, frame: self._news.put(signal.Signals(n)))
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
            if isinstance(news, signal.Signals):
                self._signalled(news)
            elif isinstance(news, _Ended):
                threads -= 1
                if news.error is not None:
                    errors.append(news.error)
                    self._stop("error")
            self._guard()
        self._around.over.set()
        if errors:
            raise errors[0]
        if self._attempts():
            raise StoreUnavailable("stopped; what is still claimed comes back when its lease ends")
        return self._end

    def _hear(self) -> signal.Signals | _Ended | None:
        idle = not self._running and not self._stopping.is_set()
        try:
            return self._news.get(timeout=None if idle else _GUARD_SECONDS)
        except Empty:
            return None

    def _signalled(self, number: signal.Signals) -> None:
        """Claim no more; the second time, wait for no command either."""
        if not self._stopping.is_set():
            self._stop(number.name)
        else:
            self._log("stopping", reason=f"{number.name} again")
            self._give_back(0)

    def _stop(self, why: str) -> None:
        if not self._stopping.is_set():
            self._log("stopping", reason=why)
            self._stopping.set()
            self._look_again.set()
            self._give_back_at = now() + self._plan.grace

    def _guard(self) -> None:
        for attempt in self._attempts():
            attempt.guard()
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
                claimed, taken = link.insist(self._take, self._stopping)
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
        return now(), plan.claim(session, plan.owner, plan.ttl, plan.pool)

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
