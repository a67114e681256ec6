"""One card in one attempt: the command runs, the lease is kept, the end of it is told."""

import errno
import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final, NamedTuple

from backlog.errors import Cancelled, ClaimLost, NotFound, Refusal, UsageError
from backlog.lifecycle import BLOCKED as CARD_BLOCKED
from backlog.records import Record
from backlog.session import Session
from backlog.verbs import moves, runs
from backlog.verbs.runs import Report
from backlog.worker import outcome
from backlog.worker.clock import now
from backlog.worker.command import Command, environments
from backlog.worker.console import Log, Stream
from backlog.worker.link import Away, Link
from backlog.worker.outcome import BLOCKED, COMPLETED, FAILED, RELEASED
from backlog.worker.plan import Plan
from backlog.worker.standby import Standby

# Why a command was ended: the card may be another's by now; its lease could not be renewed, and
# may be over; somebody wants the card back; the worker stops.
LOST: Final = "lost"
EXPIRED: Final = "expired"
CANCELLED: Final = "cancelled"
STOPPED: Final = "stopped"

# What a renewal that met no answer waits before the next: a part of the ttl, within limits.
_RETRIES_IN_A_LEASE: Final = 20
_LONGEST_RETRY_SECONDS: Final = 5.0
# Waits do not count the seconds that the machine or the process slept: it looks up now and then.
_LOOK_SECONDS: Final = 1.0
# How long the database has to answer when the lease ended during such a sleep.
_TO_ASK_SECONDS: Final = 15.0

# Why a command could not be started, where a while later it could.
_PASSING: Final = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY}
# Whatever starts anything has room for an id of so many bytes.
_USUAL_ID_BYTES: Final = 64


# A move of a card: given a session, and what else it takes by name.
Verb = Callable[..., Record | None]


class Surroundings(NamedTuple):
    """What the attempts of a worker share."""

    log: Log
    out: Stream
    err: Stream
    over: threading.Event  # the worker waits for nothing any more
    standby: Standby


class CannotStart(Refusal):
    """The command cannot be run at all; no card is to be tried on it."""


class Attempt:
    """Made when the claim is answered; `claimed` is when it was asked for, on the worker's clock.

    `run` is for a thread with a `Link`; the main thread calls `guard` and `give_back`, so that a
    database that hangs cannot keep a command alive whose lease is over.
    """

    def __init__(self, plan: Plan, card: Record, claimed: float, around: Surroundings) -> None:
        self.card = card
        self._plan, self._around = plan, around
        self._began = claimed
        self._lease_ends = claimed + plan.ttl
        self._ended_for: str | None = None
        self._asked_until = claimed
        self._suspended = False
        self._lock = threading.Lock()
        self._command: Command | None = None

    def run(self, link: Link) -> bool:
        """Work on the card; whether it is completed. Raises `CannotStart`, `Away`."""
        self._log("claimed", ttl=self._plan.ttl)
        if now() >= self._lease_ends:  # it slept since it asked
            self._renew(link)
        try:
            self._start()
        except OSError as error:
            self._not_started(link, error)
            return False
        if self._command is not None:
            try:
                self._keep(link, self._command)
            finally:
                self._end_now(self._command)
        return self._settle(link)

    def guard(self, slept: bool) -> None:
        """End the command if its lease is over: the card may be another's by now.

        If it ended while the worker slept, the database is asked first, for a while: the card may
        just as well be nobody's but ours.
        """
        command = self._command
        if command is None or command.ended.is_set():
            return
        if slept and now() >= self._lease_ends:
            self._asked_until = now() + _TO_ASK_SECONDS
        if now() >= max(self._lease_ends, self._asked_until) and self._end_for(EXPIRED):
            command.end(self._plan.grace)
        command.press()

    def suspend(self) -> None:
        """Stop the command: the worker is about to stop."""
        with self._lock:
            self._suspended = True
            self._let_run()

    def resume(self) -> None:
        """The worker goes on; the command does if its lease stands, or once it is renewed."""
        with self._lock:
            self._suspended = False
            self._let_run()

    def give_back(self, grace: float) -> None:
        """End the command, and the attempt without a judgement on it."""
        with self._lock:
            command = self._command
            if command is None or not command.ended.is_set():
                self._end_for(STOPPED)
        if command is not None:
            command.end(grace)

    def _end_for(self, why: str) -> bool:
        """Note why it ends, once; whether this is the reason."""
        self._ended_for = self._ended_for or why
        return self._ended_for == why

    def _start(self) -> None:
        with self._lock:
            if self._ended_for is None and now() < self._lease_ends:
                self._command = self._begun()
            else:
                self._end_for(EXPIRED)

    def _begun(self) -> Command:
        plan, (_, out, err, _, standby) = self._plan, self._around
        rest = (self.card, plan.grace, out.write, err.write, standby, self._may_run_until())
        too_big = None
        for environ in environments(plan.environ, plan.owner, self.card):
            try:
                return Command(plan.argv, environ, *rest)
            except OSError as error:
                if error.errno != errno.E2BIG:
                    raise
                too_big = error
        assert too_big is not None  # there is one environment at least  # noqa: S101
        raise too_big

    def _not_started(self, link: Link, error: OSError) -> None:
        """The card is given back or blocked; the worker goes on unless it can start nothing."""
        why = f"cannot start {self._plan.argv[0]}: {error.strerror}"
        if error.errno in _PASSING:
            report = Report(summary=why, counted=False)
            delay = max(1, self._backoff())
            release = self._verb(moves.release, delay=delay)
            self._tell(link, RELEASED, release, report, delay=delay, ending=why)
        elif error.errno == errno.E2BIG and len(self.card.id.encode()) > _USUAL_ID_BYTES:
            note = f"{why}: the card's id is too long for a program"
            block = self._verb(moves.block, reason="capability", note=note)
            self._tell(link, BLOCKED, block, Report(summary=why), ending=why)
        else:
            self._give_back(link, "the command could not be started")
            raise CannotStart(why)

    def _let_run(self) -> None:
        """Say how long it may run, whatever becomes of this process; under the lock."""
        if self._command is not None and self._ended_for in (None, STOPPED):
            self._command.may_run(self._may_run_until())

    def _may_run_until(self) -> float:
        return 0.0 if self._suspended else self._lease_ends

    def _keep(self, link: Link, command: Command) -> None:
        """Renew at a third of the lease, however long the command takes."""
        due = self._lease_ends - 2 / 3 * self._plan.ttl
        while not command.ended.wait(min(_LOOK_SECONDS, max(0.0, due - now()))):
            if now() < due:
                continue
            if now() >= self._lease_ends:
                link.close()  # after a sleep the other end may have forgotten the connection
            next_due = self._renew(link) if self._ended_for in (None, STOPPED) else None
            if next_due is None:
                command.end(self._plan.grace)
                command.ended.wait()
                return
            due = next_due

    def _renew(self, link: Link) -> float | None:
        """When to renew next; None: the claim is lost."""
        plan = self._plan
        sent = now()  # before the database counts from: the lease is never over earlier
        try:
            link.ask(self._verb(moves.renew, ttl=plan.ttl))
        except (ClaimLost, NotFound) as lost:
            self._end_for(CANCELLED if isinstance(lost, Cancelled) else LOST)
            return None
        except (Away, Refusal):
            return now() + min(plan.ttl / _RETRIES_IN_A_LEASE, _LONGEST_RETRY_SECONDS)
        with self._lock:
            self._lease_ends = sent + plan.ttl
            self._let_run()
        return sent + plan.ttl / 3

    def _end_now(self, command: Command) -> None:
        """After an error of ours: a command must not outlive what watches it."""
        if not command.ended.is_set():
            command.end(0)
            command.ended.wait()

    def _settle(self, link: Link) -> bool:
        if self._ended_for == STOPPED:
            self._give_back(link, "the worker was stopped")
            return False
        if self._ended_for is not None:
            self._log(self._ended_for, took=self._took())  # and nothing is written
            return False
        return self._judge(link)

    def _judge(self, link: Link) -> bool:
        command = self._command
        assert command is not None  # else it was ended for a reason  # noqa: S101
        said = outcome.said(command.answers.lines)
        for reason in said.ignored:
            self._log("ignored", reason=reason)
        how = outcome.outcome_of(command.status)
        last = said.summary or command.complaints.last
        ending = outcome.ending(command.status, last)
        report = Report(said.summary, said.result, said.tokens, said.cost)
        delay = self._backoff() or None
        if how == COMPLETED:
            return self._tell(link, COMPLETED, self._verb(moves.complete), report)
        if how == BLOCKED:
            reason, note = said.reason or outcome.DEFAULT_REASON, said.note or last or None
            block = self._verb(moves.block, reason=reason, note=note)
            return self._tell(link, BLOCKED, block, report._replace(summary=ending))
        if how == RELEASED:
            report = report._replace(summary=ending, counted=False)
        else:
            report = report._replace(summary=ending, outcome=FAILED)
        release = self._verb(moves.release, delay=delay)
        return self._tell(link, how, release, report, delay=delay, ending=ending)

    def _backoff(self) -> int:
        return outcome.backoff(self._plan.backoff, self.card.attempts)

    def _give_back(self, link: Link, why: str) -> None:
        report = Report(summary=why, counted=False)
        self._tell(link, RELEASED, self._verb(moves.release), report, ending=why)

    def _verb(self, move: Verb, **how: Any) -> Verb:
        """The move, of this card in this attempt."""
        claim = {"owner": self._plan.owner, "attempt": self.card.attempts}
        return partial(move, card_id=self.card.id, **claim, texts=False, **how)

    def _tell(self, link: Link, how: str, verb: Verb, report: Report, **more: Any) -> bool:
        """Write the end of the attempt down, however long it takes; whether it is `completed`."""
        try:
            card = self._insist(link, partial(verb, report=report))
        except ClaimLost as lost:
            # An answer that was never heard leaves this: ended as we wanted, by ourselves.
            claim = (self.card.id, self.card.attempts, self._plan.owner)
            if self._insist(link, lambda s: runs.ended(s, *claim)) != how:
                what = CANCELLED if isinstance(lost, Cancelled) else LOST
                self._log(what, took=self._took(), reason=str(lost))
                return False
            card = None
        except Refusal as error:
            if type(error) in (Refusal, UsageError) and report != _bare(report):
                # A value that the database cannot hold must not cost the word about the end.
                self._log("ignored", reason=str(error))
                return self._tell(link, how, verb, _bare(report), **more)
            self._log("refused", took=self._took(), reason=str(error))
            return False
        if card is not None and card.status == CARD_BLOCKED:
            more |= {"blocked": card.block_reason, "delay": None}
        self._log(how, took=self._took(), **more)
        return how == COMPLETED

    def _insist[T](self, link: Link, verb: Callable[[Session], T]) -> T:
        return link.insist(verb, self._around.over)

    def _took(self) -> float:
        return round(now() - self._began, 3)

    def _log(self, what: str, **more: Any) -> None:
        self._around.log(what, self.card, **more)


def _bare(report: Report) -> Report:
    """What of a report decides anything."""
    return Report(outcome=report.outcome, counted=report.counted)
