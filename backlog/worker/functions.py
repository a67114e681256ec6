"""A worker of functions: they run on threads, or a loop; another thread claims, and tells the ends.

Cards that are claimed stand ahead until a function is free. The ends of attempts are told together:
what ends while one batch is written makes the next.
"""

import asyncio
import logging
import signal
import threading
from collections import defaultdict, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import Any, Final

from backlog import values
from backlog.errors import ClaimLost, NotFound, Refusal, UsageError
from backlog.json_logs import UNUSUAL
from backlog.lifecycle import DEFAULT_TTL_SECONDS
from backlog.records import Record
from backlog.session import Opener, as_refusal
from backlog.shown import in_json
from backlog.verbs import batches
from backlog.verbs.batches import Held, Outcome
from backlog.verbs.claims import MOST_AT_ONCE
from backlog.verbs.pool import Pool, pool_of
from backlog.worker.clock import now
from backlog.worker.console import pairs, transition
from backlog.worker.engine import DONE, FAILED, Engine, Part, django_db
from backlog.worker.lease import WAS_STOPPED, Claimed, End, given_back, retry_seconds
from backlog.worker.link import Away, Link
from backlog.worker.outcome import COMPLETED, RELEASED
from backlog.worker.plan import DRAIN, FOREVER, ONCE, Plan
from backlog.worker.stores import opener
from backlog.worker.task import Function, Task, is_coroutine_function, refuse_uncallable

_LOGGER: Final = logging.getLogger("backlog.worker")

# How long ends of attempts wait for others, while there are cards ahead for the functions.
_GATHER_SECONDS: Final = 0.002
# How often the leases are looked at, at least.
_LOOK_SECONDS: Final = 1.0

_OfMany = Callable[..., list[Outcome[Record]]]
# Of an attempt, how it ended: None, nothing may be told of it.
_End = tuple[Task, End | None]
_Ends = Sequence[tuple[Task, End]]


class Worker(Engine[Task]):
    """Claims cards and calls a function with each, as a `Job`, until it is stopped.

    `run` does all of it, once; `stop` may be called from any thread. What the function returns, if
    it is JSON, becomes the run's result and the card done. `Blocked` and `GiveBack` say otherwise;
    any other exception is a failure, and the card is ready again after `backoff` seconds, twice
    that after each attempt. A coroutine function runs on an event loop on a thread of its own.
    """

    _heeded = frozenset({signal.SIGTERM, signal.SIGINT})

    def __init__(
        self,
        function: Function,
        owner: str,
        *,
        phase: str | None = None,
        role: str | None = None,
        store: str | Opener | None = None,
        ttl: int = DEFAULT_TTL_SECONDS,
        concurrency: int = 1,
        prefetch: int | None = None,
        until: str = FOREVER,
        grace: int = 30,
        backoff: int = 10,
    ) -> None:
        """`store`: a server's URL, or what opens sessions; None: what the environment names.

        `prefetch`: how many cards to have ahead of those that are worked on; None: as many. Raises
        `UsageError`.
        """
        refuse_uncallable(function)
        values.one_of(until, "until", (FOREVER, DRAIN, ONCE))
        most = 1 if until == ONCE else MOST_AT_ONCE
        plan = Plan(
            owner=values.name(owner, "owner"),
            argv=[],
            environ={},
            pool=Pool(phase and values.line(phase, "phase"), role and values.line(role, "role")),
            ttl=values.ttl(ttl),
            concurrency=values.between(concurrency, "concurrency", 1, most),
            until=until,
            grace=values.at_least(grace, "grace", 0),
            backoff=values.at_least(backoff, "backoff", 0),
        )
        left = MOST_AT_ONCE - concurrency
        prefetch = min(concurrency, left) if prefetch is None else prefetch
        ahead = values.between(prefetch, "prefetch", 0, left)
        super().__init__(opener(store), plan, partial(_log, owner), threading.Event())
        self._function = function
        self._most = 1 if until == ONCE else concurrency + ahead
        self._hands = threading.Condition(self._lock)  # wait for what is ahead
        self._ahead: deque[Task] = deque()
        self._ended: list[_End] = []
        self._closed = threading.Event()
        self._has_run = False
        self._call_hands: Callable[[], object] = self._hands.notify_all

    def run(self) -> str:
        """Work until stopped or, as `until` says, nothing is claimable ("drain") or one card is
        seen through ("once"); how that ended: "done", "failed", or why there was no card.

        On the main thread SIGTERM and SIGINT stop it; a second one waits for no function. Raises
        `Refusal`: `StoreUnavailable` if the store cannot be reached at the start, or for what is
        left when the grace of a stop is over.
        """
        with self._lock:
            if self._has_run:
                raise UsageError("a worker runs once: make another")
            self._has_run = True
        try:
            with self._connect():
                pass  # a store that is not there, or is not ours, is told now and not waited for
        except Exception as error:
            refusal = as_refusal(error)
            if refusal is None or refusal is error:
                raise
            raise refusal from error
        return super().run()

    def stop(self) -> None:
        """Claim no more, give back what no function has begun; `run` returns after the rest.

        What goes on after the grace is told to end (`Job.ended`), and given back when it does.
        """
        self._news.put("asked to")

    def _parts(self) -> Sequence[Part]:
        if is_coroutine_function(self._function):
            return [self._tend, self._keep, self._run_loop]
        return [self._tend, self._keep, *[self._take_up] * self._plan.concurrency]

    # The thread that claims and tells -------------------------------------------------------------

    def _tend(self, link: Link) -> None:
        """What goes on is told of also when no more cards come, whatever the reason."""
        more, refused = True, None
        try:
            while more or self._attempts():
                ended = self._gather(more)
                came = self._tell(link, ended, more and not self._stopping.is_set())
                room = self._room()
                if more and not came and (room or self._stopping.is_set()):
                    cards, refused = self._asked(link, room)
                    if cards is None:
                        self._drop(WAS_STOPPED)
                    self._hand_out(cards or [])
                    more = cards is not None
                if self._plan.until == ONCE and self._attempts():
                    more, self._end = False, FAILED  # until it is told otherwise
        finally:
            with self._hands:
                self._closed.set()
                self._call_hands()
        if refused is not None:
            raise refused

    def _asked(self, link: Link, count: int) -> tuple[Claimed | None, Refusal | None]:
        """The next cards, or why there will be none."""
        try:
            return self._next(link, count), None
        except Away:
            return None, None  # a stop
        except Refusal as error:
            return None, error

    def _room(self, leaving: int = 0) -> int:
        room = self._most - len(self._running) + leaving
        # Not for each card that is done.
        return room if room >= max(1, (self._most - self._plan.concurrency) // 2) else 0

    def _is_wanted(self) -> bool:
        return bool(self._ended)

    def _gather(self, more: bool) -> list[_End]:
        """The attempts that have ended; none if there is room for `more` cards, or a stop."""
        while True:
            self._look_again.clear()
            if self._ended or (more and (self._room() or self._stopping.is_set())):
                break
            self._look_again.wait()
        if self._ended and self._ahead:
            self._look_again.wait(_GATHER_SECONDS)
        with self._lock:
            ended, self._ended = self._ended, []
        return ended

    def _hand_out(self, cards: Claimed) -> None:
        if not cards:
            return
        tasks = [Task(self._plan, card, at, self._log, self._over) for at, card in cards]
        self._begin(tasks)
        with self._hands:
            self._ahead.extend(tasks)
            self._call_hands()

    def _drop(self, why: str, *, late: bool = False) -> bool:
        """Give back what no function has begun, or of that what is `late`; whether any was."""
        with self._lock:
            dropped = [task for task in self._ahead if task.waits_too_long or not late]
            self._ahead = deque(task for task in self._ahead if task not in dropped)
            self._ended += [(task, task.finish(given_back(why))) for task in dropped]
        return bool(dropped)

    def _guard(self, slept: bool) -> None:
        super()._guard(slept)
        if self._drop("no function was free", late=True):  # as it will be for the next ones
            self._most = self._plan.concurrency
            self._look_again.set()

    def _tell(self, link: Link, ended: Sequence[_End], more: bool) -> bool:
        """Write down how attempts ended; whether that brought the next card, if `more` may come."""
        told = [(task, end) for task, end in ended if end is not None]
        room = self._room(len(ended))
        cards: Claimed = []
        completed = told and all(end.how == COMPLETED for _, end in told)
        if more and completed and room:
            cards = self._tell_and_claim(link, told, room)
        else:
            alike: defaultdict[Any, list[tuple[Task, End]]] = defaultdict(list)
            for task, end in told:
                alike[_of_many(end)].append((task, end))
            for verb, some in alike.items():
                self._tell_together(link, verb, some)
        self._hand_out(cards)
        self._settle([task for task, _ in ended])
        return bool(cards)

    def _tell_together(self, link: Link, verb: _OfMany | None, told: _Ends) -> None:
        """By this verb of many cards; those that it refuses, and where there is none, each alone.

        A verb that was heard and whose answer was lost refuses the next time: `tell` sees to it.
        """
        outcomes: Sequence[Outcome[Record] | None] = [None] * len(told)
        if verb is not None and len(told) > 1:
            with suppress(Refusal):  # of which of them, each hears by itself
                ask = partial(verb, cards=_held(told), owner=self._plan.owner, texts=False)
                outcomes = link.insist(ask, self._over)
        self._told(link, told, outcomes)

    def _told(self, link: Link, told: _Ends, outcomes: Sequence[Outcome[Record] | None]) -> None:
        for (task, end), outcome in zip(told, outcomes, strict=True):
            if outcome is None or outcome.refusal is not None:
                completed = task.tell(link, end)
            else:
                completed = task.told(end, outcome.card)
            if completed:
                self._end = DONE

    def _tell_and_claim(self, link: Link, told: _Ends, room: int) -> Claimed:
        """The cards that completions bring with them."""
        plan, held = self._plan, _held(told)
        waited_for = any(task.card.has_dependents for task, _ in told)
        how: dict[str, Any] = {"ttl": plan.ttl, "texts": False, "waited_for": waited_for}
        verb = partial(batches.complete_many_and_claim, cards=held, owner=plan.owner, count=room)
        try:
            asked, (outcomes, taken) = link.insist(
                lambda s: (now(), verb(s, pool=pool_of(s, *plan.pool), **how)), self._over
            )
        except Refusal:  # of which of them, each hears by itself
            self._told(link, told, [None] * len(told))
            return []
        self._told(link, told, outcomes)
        return [(asked, card) for card in taken.cards]

    # The thread that keeps the leases -------------------------------------------------------------

    def _keep(self, link: Link) -> None:
        """Renew all that is held, in one statement, when a third of the first lease has passed."""
        ttl, retry_at = self._plan.ttl, 0.0
        while not self._closed.wait(min(_LOOK_SECONDS, ttl / 20)):
            if self._over.is_set():
                return  # what is left is left to itself
            held = [task for task in self._attempts() if task.is_wanted]
            if now() < max(retry_at, min((task.renewal_due for task in held), default=now() + 1)):
                continue
            if any(task.lease_is_over for task in held):
                link.close()  # after a sleep the other end may have forgotten the connection
            try:
                all_heard = self._renew(link, held)
            except (Away, Refusal):
                all_heard = False
            if not all_heard:
                retry_at = now() + retry_seconds(ttl)

    def _renew(self, link: Link, tasks: Sequence[Task]) -> bool:
        """Whether it is known of each by now if it is held.

        Who locks a card of ours for long holds up its renewal, and no other.
        """
        held = [Held(task.card.id, task.card.attempts) for task in tasks]
        owner, ttl = self._plan.owner, self._plan.ttl
        sent = now()  # before the database counts from: no lease is over earlier
        how: dict[str, Any] = {"wait": False, "texts": False}
        outcomes = link.ask(lambda s: batches.renew_many(s, held, owner, ttl, **how))
        unheard = 0
        for task, outcome in zip(tasks, outcomes, strict=True):
            if outcome.refusal is None:
                task.renewed(sent)
            elif isinstance(outcome.refusal, ClaimLost | NotFound):
                task.not_renewed(outcome.refusal)
            else:
                unheard += 1
        return not unheard

    # Those that run the function ------------------------------------------------------------------

    def _take_up(self, link: Link) -> None:
        while (task := self._taken_up()) is not None:
            if (db := django_db()) is not None:
                db.close_old_connections()  # of this thread, as at the begin of a request
            end = task.run(self._function)
            if (db := django_db()) is not None:
                db.close_old_connections()
            self._has_ended(task, end)

    def _taken_up(self) -> Task | None:
        with self._hands:
            while not self._ahead and not self._closed.is_set():
                self._hands.wait()
            return None if self._closed.is_set() else self._ahead.popleft()

    def _has_ended(self, task: Task, end: End | None) -> None:
        with self._lock:
            self._ended.append((task, end))
            call = len(self._ended) == 1 or not self._ahead
        if call:
            self._look_again.set()

    def _run_loop(self, link: Link) -> None:
        asyncio.run(self._serve_loop())

    async def _serve_loop(self) -> None:
        loop, called = asyncio.get_running_loop(), asyncio.Event()
        self._call_hands = partial(_in_loop, loop, called.set)
        at_work: set[asyncio.Task[None]] = set()

        def has_ended(work: asyncio.Task[None]) -> None:
            at_work.discard(work)
            called.set()

        while not self._closed.is_set():
            while self._ahead and len(at_work) < self._plan.concurrency:
                with self._lock:
                    task = self._ahead.popleft() if self._ahead else None
                if task is not None:
                    at_work.add(work := asyncio.create_task(self._see_to(task)))
                    work.add_done_callback(has_ended)
            await called.wait()
            called.clear()

    async def _see_to(self, task: Task) -> None:
        loop, me = asyncio.get_running_loop(), asyncio.current_task()
        assert me is not None  # noqa: S101 (the loop runs it)
        task.wake = partial(_in_loop, loop, me.cancel)
        self._has_ended(task, await task.await_(self._function))


def _held(told: _Ends) -> list[Held]:
    return [Held(task.card.id, task.card.attempts, end.report) for task, end in told]


def _of_many(end: End) -> _OfMany | None:
    """The verb that ends many attempts so, if there is one."""
    if end.how == RELEASED and end.delay is None:
        return batches.release_many
    return batches.complete_many if end.how == COMPLETED else None


def _in_loop(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    with suppress(RuntimeError):  # it is closed: all has come to its end
        loop.call_soon_threadsafe(call)


def _log(owner: str, what: str, card: Record | None = None, **more: Any) -> None:
    """A transition, as the command's log has it, for whoever has set up Python's."""
    error = more.pop("error", None)
    level = logging.ERROR if error else logging.WARNING if what in UNUSUAL else logging.INFO
    if _LOGGER.isEnabledFor(level):
        said = transition(owner, what, card, more)
        line = in_json(pairs(said))
        _LOGGER.log(level, "%s", line, exc_info=error, extra={"transition": said})
