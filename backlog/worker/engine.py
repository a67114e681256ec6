"""When to claim, when to wait, when to stop: threads that work, and the one that watches them."""

import os
import signal
import sys
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import copy_context
from queue import Empty, SimpleQueue
from typing import Any, Final, NamedTuple, Protocol

from backlog.errors import Refusal, SchemaTooNew, StoreUnavailable
from backlog.lifecycle import EMPTY
from backlog.records import Record, one_line
from backlog.session import ACTOR, Opener, Session, idle_pauses
from backlog.verbs.claims import Taken
from backlog.worker import outcome
from backlog.worker.clock import now
from backlog.worker.lease import Claimed
from backlog.worker.link import Away, Link
from backlog.worker.plan import DRAIN, FOREVER, ONCE, Plan

# How a worker's work ends, if not for want of a card: why there was none says `Taken`.
DONE: Final = "done"
FAILED: Final = "failed"

_AT_ONCE: Final = {signal.SIGQUIT, signal.SIGABRT}
_SUSPENDING: Final = {signal.SIGTSTP, signal.SIGTTIN, signal.SIGTTOU}

_GUARD_SECONDS: Final = 0.2
# Who has not looked for that long did not run.
_SLEPT_SECONDS: Final = 0.5
# What work has to end in once the grace of a stop is over, at most, and what the database has to
# answer after that.
TO_DIE_SECONDS: Final = 5.0
_TO_SETTLE_SECONDS: Final = 10.0


class Watched(Protocol):
    """A card that is worked on, for the thread that watches."""

    def guard(self, slept: bool) -> None:
        """End the work if the lease is over."""

    def give_back(self, grace: float) -> None:
        """End the work, within so many seconds, and the attempt without a judgement on it."""

    def suspend(self) -> None: ...
    def resume(self) -> None: ...


class _Ended(NamedTuple):
    """A thread has ended, by this error or for want of work."""

    error: BaseException | None


# What a thread of a worker does, given its way to the store.
Part = Callable[[Link], None]


class Engine[A: Watched](ABC):
    """Claims cards for its threads, and sees to it that all comes to its end.

    A kind of worker says what its threads do (`_parts`) and which signals it heeds.
    """

    _heeded: frozenset[int]

    def __init__(
        self, connect: Opener, plan: Plan, log: Callable[..., None], over: threading.Event
    ) -> None:
        """`over` is set when nobody waits for anything any more."""
        self._connect, self._plan, self._log, self._over = connect, plan, log, over
        # What the watching thread hears of: signals, why to stop, threads that have ended; None:
        # work has begun, there is a lease to guard.
        self._news: SimpleQueue[int | str | _Ended | None] = SimpleQueue()
        self._looked = now()
        self._stopping = threading.Event()
        self._give_back_at: float | None = None
        self._leave_at: float | None = None
        self._turn = threading.Lock()  # to claim: N threads ask no more often than one
        self._look_again = threading.Event()
        self._said: str | None = None  # why there was nothing to claim, as the log has it
        self._lock = threading.Lock()  # of the three below
        self._running: set[A] = set()
        self._settled = 0
        self._drained = False
        self._end = DONE

    def run(self) -> str:
        """Work until there is no more to do or somebody ends it; how that ended.

        Raises `Refusal`.
        """
        with self._heeding():
            return self._watch(self._start(self._parts()))

    @abstractmethod
    def _parts(self) -> Sequence[Part]:
        """What each of the threads does."""

    @contextmanager
    def _heeding(self) -> Iterator[None]:
        is_main = threading.current_thread() is threading.main_thread()
        before = {number: signal.getsignal(number) for number in self._heeded if is_main}
        for number, handler in before.items():
            if handler is not signal.SIG_IGN:  # nohup
                signal.signal(number, lambda n, frame: self._news.put(n))
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _start(self, parts: Sequence[Part]) -> int:
        """Start the threads; how many."""
        context = copy_context()
        context.run(ACTOR.set, self._plan.owner)
        for number, part in enumerate(parts):
            run = context.copy().run
            try:
                threading.Thread(target=run, args=(self._do, part), daemon=True).start()
            except RuntimeError as error:
                # Those that run already come to their end, as after any error.
                refusal = Refusal(f"{error}: ask for less concurrency")
                self._news.put(_Ended(refusal))
                return number + 1
        return len(parts)

    def _do(self, part: Part) -> None:
        link = Link(self._connect, self._log)
        error: BaseException | None = None
        try:
            part(link)
        except Away:
            pass  # and the worker stops
        except BaseException as unexpected:  # SystemExit, too: it ends an event loop, say
            error = unexpected
        link.close()
        if (db := django_db()) is not None:
            db.connections.close_all()  # of this thread
        self._news.put(_Ended(error))

    # The thread that watches ----------------------------------------------------------------------

    def _watch(self, threads: int) -> str:
        """Pass signals on and guard the leases, until every thread has ended."""
        errors = []
        while threads and not self._overdue():
            news = self._hear()
            self._guard(self._has_slept())
            if isinstance(news, int):
                self._signalled(news)
            elif isinstance(news, str):
                self._stop(news)
            elif isinstance(news, _Ended):
                threads -= 1
                if news.error is not None:
                    errors.append(news.error)
                    self._stop("error")
        self._over.set()
        if errors:
            raise errors[0]
        if self._attempts():
            raise StoreUnavailable("stopped; what is still claimed comes back when its lease ends")
        return self._end

    def _hear(self) -> int | str | _Ended | None:
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
        """Claim no more; the second time, wait for no work either."""
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
        """Stop as this signal stops a process, the work with it, until SIGCONT."""
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
            self._give_back(min(TO_DIE_SECONDS, self._plan.grace))

    def _give_back(self, to_die: float) -> None:
        self._give_back_at = None
        for attempt in self._attempts():
            attempt.give_back(to_die)
        self._leave_at = now() + to_die + _TO_SETTLE_SECONDS

    def _overdue(self) -> bool:
        if self._stopping.is_set() and self._leave_at is None and not self._attempts():
            self._leave_at = now() + _TO_SETTLE_SECONDS  # only the database is waited for
        return self._leave_at is not None and now() >= self._leave_at

    def _attempts(self) -> list[A]:
        with self._lock:
            return list(self._running)

    # The threads that work ------------------------------------------------------------------------

    def _next(self, link: Link, count: int = 1) -> Claimed | None:
        """The next cards, at least one, when there are some, and when each was asked for.

        None: no more. Empty: the thread is wanted elsewhere (`_is_wanted`).
        """
        with self._turn:
            for pause in idle_pauses():
                self._look_again.clear()
                if self._stopping.is_set() or self._drained:
                    return None
                settled = self._settled
                claimed, taken = self._taken(link, count)
                if taken.cards:
                    self._said = None
                    return [(claimed, card) for card in taken.cards]
                if self._is_enough(taken.why or EMPTY, settled):
                    return None
                if self._said != taken.why:
                    self._said = taken.why
                    self._log("waiting", reason=taken.why)
                if self._is_wanted():
                    return []
                if self._look_again.wait(pause) and self._is_wanted():
                    return []
        return None

    def _is_wanted(self) -> bool:
        """Whether the thread that claims has something else to do than to wait for a card."""
        return False

    def _taken(self, link: Link, count: int) -> tuple[float, Taken[Record]]:
        try:
            return link.insist(lambda session: self._take(session, count), self._stopping)
        except SchemaTooNew:
            raise
        except Refusal as error:
            if self._plan.until != FOREVER:
                raise
            # A row that nobody can claim, say: somebody will set it right.
            return now(), Taken([], f"refused: {one_line(error)}")

    def _take(self, session: Session, count: int) -> tuple[float, Taken[Record]]:
        """And when it was asked for: no lease of it is over earlier."""
        plan = self._plan
        pool = plan.deeds.pool(session, *plan.pool)
        return now(), plan.deeds.claim(session, plan.owner, plan.ttl, pool, count)

    def _begin(self, attempts: Sequence[A]) -> None:
        """There is work on these."""
        with self._lock:
            idle = not self._running
            self._running.update(attempts)
        if idle:
            self._news.put(None)
        if self._stopping.is_set():
            for attempt in attempts:
                attempt.give_back(0)

    def _settle(self, attempts: Sequence[A]) -> None:
        """They have come to their end, and that is told."""
        with self._lock:
            self._running.difference_update(attempts)
            self._settled += len(attempts)
        self._look_again.set()

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


def django_db() -> Any | None:
    """`django.db`, where the program that we are part of uses Django; it is not imported here."""
    apps = sys.modules.get("django.apps")
    return sys.modules.get("django.db") if apps is not None and apps.apps.ready else None
