"""One card in one attempt: a function works on it, and what it returns or raises is its end."""

import inspect
import json
import threading
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator
from contextlib import suppress
from typing import Any, Final, SupportsFloat

from backlog.errors import UsageError
from backlog.records import Record
from backlog.shown import flat, visible
from backlog.worker import lease, outcome
from backlog.worker.clock import now
from backlog.worker.job import Blocked, GiveBack, Job
from backlog.worker.lease import End, Lease
from backlog.worker.outcome import BLOCKED, COMPLETED, FAILED, RELEASED, Said
from backlog.worker.patience import Patience
from backlog.worker.plan import Plan

# A sweep ends an attempt a minute after its `max_runtime`: the function is to be ended before.
_LONGEST_AHEAD_SECONDS: Final = 30.0

Function = Callable[[Job], Any]
AsyncFunction = Callable[[Job], Awaitable[Any]]


def refuse_uncallable(function: Function) -> None:
    """Raise `UsageError` for what would fail with every card there is."""
    if not callable(function):
        raise UsageError("say which function is to work on the cards: Worker(function, owner)")
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):
        return  # of some builtins nothing is known
    try:
        signature.bind(None)
    except TypeError as error:
        raise UsageError(f"the function must take one argument, the job: {error}") from None


def is_coroutine_function(function: Function) -> bool:
    """Whether a call gives what a loop has to wait for; of an object, its class says."""
    is_one = inspect.iscoroutinefunction
    return is_one(function) or is_one(getattr(type(function), "__call__", None))  # noqa: B004 (is it async, not: is it callable)


class Task(Lease):
    """A card under a lease, and the function's work on it.

    `wake` is called, once, when that is ended from elsewhere: see `Job.ended`.
    """

    def __init__(
        self,
        plan: Plan,
        card: Record,
        claimed: float,
        log: Callable[..., None],
        over: threading.Event,
    ) -> None:
        super().__init__(plan, card, claimed, log, over)
        self.job = Job(card)
        self.wake: Callable[[], object] = lambda: None
        self._lock = threading.Lock()
        self._finished = False
        self._patience: Patience | None = None  # from when the function begins
        self._log("claimed", ttl=plan.ttl)

    @property
    def is_wanted(self) -> bool:
        """Whether its lease is to be kept: something may be told of it yet.

        What the function is done with is being told, mostly: it is kept if that takes long.
        """
        waits = not self._finished or now() >= self.renewal_due
        return waits and self._ended_for in (None, lease.STOPPED, lease.OVERDUE)

    @property
    def waits_too_long(self) -> bool:
        """Whether no function has begun it, though what it may take counts from the claim."""
        longest = self.card.max_runtime
        if longest is None or self._patience is not None:
            return False
        return now() - self._began > min(longest, _LONGEST_AHEAD_SECONDS)

    def run(self, function: Function) -> End | None:
        """Its end; None: nothing may be told of it."""
        if not self._begins():
            return self.finish(None)
        try:
            return self.finish(self._succeeded(function(self.job)))
        except BaseException as error:  # SystemExit, too: the thread has other cards to come
            return self.finish(self._failed(error))

    async def await_(self, function: AsyncFunction) -> End | None:
        """As `run`, of a coroutine function."""
        if not self._begins():
            return self.finish(None)
        try:
            return self.finish(self._succeeded(await function(self.job)))
        except BaseException as error:  # a cancellation, too: it was ours, or is a failure
            return self.finish(self._failed(error))

    def _begins(self) -> bool:
        if self.lease_is_over:
            self.end_for(lease.EXPIRED)
        self._patience = Patience(None, None, self.card.max_runtime)
        return self._ended_for is None

    def finish(self, end: End | None) -> End | None:
        """The end that may be told, now that the function has come to its own, or never begun."""
        with self._lock:
            self._finished = True
            if self._ended_for is None:
                return end
        if self._ended_for == lease.STOPPED:
            return lease.given_back(lease.WAS_STOPPED)
        if self._ended_for == lease.OVERDUE and self._patience is not None:
            last, over = self.job.summary, self._patience.over or ""
            ending = f"{over}: {last}" if last else over
            return lease.judged(FAILED, self._said(), ending, last, self._backoff())
        self._log(self._ended_for, took=self._took())
        return None

    def guard(self, slept: bool) -> None:
        """End it if the lease is over, for the card may be another's; or if it takes too long."""
        if self.is_over(slept):
            self.end_for(lease.EXPIRED)
        elif self._patience is not None and self._patience.look(0):
            self.end_for(lease.OVERDUE)

    def give_back(self, grace: float) -> None:
        """Tell the function to end, and nothing of what it returns then."""
        self.end_for(lease.STOPPED)

    def suspend(self) -> None: ...
    def resume(self) -> None: ...

    def end_for(self, why: str) -> bool:
        with self._lock:
            if self._finished or self._ended_for is not None:
                return False
            super().end_for(why)
        self.job.why = why
        self.job.ended.set()
        self.wake()
        return True

    def _succeeded(self, result: Any) -> End:
        if isinstance(result, Awaitable):  # a lambda around a coroutine function, say
            raise TypeError("it gave what is to be awaited: make the function `async def`")
        if isinstance(result, Generator | AsyncGenerator):
            raise TypeError("it gave a generator, of which nothing has run: return, do not yield")
        return lease.judged(COMPLETED, self._said(result=result), "", None, None)

    def _failed(self, error: BaseException) -> End:
        words = ""
        with suppress(Exception):  # of its own
            words = visible(flat(str(error)))
        last = self.job.summary or words or None
        kind = type(error).__name__
        ending = f"{kind}: {last}" if last else kind
        delay = self._backoff()
        if isinstance(error, Blocked):
            said = self._said(blockReason=error.reason, note=error.note)
            return lease.judged(BLOCKED, said, ending, last, None)
        if isinstance(error, GiveBack):
            delay = delay if error.delay is None else error.delay or None
            return lease.judged(RELEASED, self._said(), ending, last, delay)
        if self._ended_for is None:
            self._log("error", error=error)
        return lease.judged(FAILED, self._said(), ending, last, delay)

    def _said(self, **more: Any) -> Said:
        """What is said of the attempt, as a command would print it; what cannot be is left out."""
        job = self.job
        given = {"summary": job.summary, "tokens": job.tokens, "cost": job.cost, **more}
        parts = []
        for key, value in given.items():
            if value is not None:
                try:
                    written = json.dumps(value, allow_nan=False, default=_number)
                    parts.append(f'"{key}":{written}')
                except Exception as error:  # of what is to be written, too: it may be anything
                    self._log("ignored", reason=f"{key}: {error}")
        if not parts:
            return Said()
        said = outcome.said([f"{{{','.join(parts)}}}".encode()])
        for reason in said.ignored:
            self._log("ignored", reason=reason)
        return said


def _number(value: Any) -> float:
    """What is no JSON to Python but a number (of decimal or numpy). Raises TypeError."""
    if isinstance(value, SupportsFloat):
        return float(value)
    raise TypeError(f"{type(value).__name__} is not JSON")
