"""One card in one attempt: the command runs, the lease is kept, the end of it is told."""

import errno
import math
import threading
from typing import Any, Final, NamedTuple

from backlog.errors import ClaimLost, NotFound, Refusal
from backlog.records import Record
from backlog.verbs.runs import Report
from backlog.worker import lease, outcome
from backlog.worker.clock import now
from backlog.worker.command import Command, environments
from backlog.worker.console import Log, Stream
from backlog.worker.lease import End, Lease
from backlog.worker.link import Away, Link
from backlog.worker.outcome import BLOCKED, FAILED
from backlog.worker.patience import Patience
from backlog.worker.plan import Plan
from backlog.worker.standby import Standby
from backlog.worker.tracing import Traces

# Waits do not count the seconds that the machine or the process slept: it looks up now and then.
_LOOK_SECONDS: Final = 1.0
# How often what a command prints is written down at most, but for renewals and its end.
_OUTPUT_SECONDS: Final = 3.0

# Ended for these, the card is still the worker's, who says what becomes of it.
_STILL_HELD: Final = (None, lease.STOPPED, lease.OVERDUE)

# Why a command could not be started, where a while later it could.
_PASSING: Final = {errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.ETXTBSY}
# Whatever starts anything has room for an id of so many bytes.
_USUAL_ID_BYTES: Final = 64


class Surroundings(NamedTuple):
    """What the attempts of a worker share."""

    log: Log
    out: Stream
    err: Stream
    over: threading.Event  # the worker waits for nothing any more
    standby: Standby
    traces: Traces


class CannotStart(Refusal):
    """The command cannot be run at all; no card is to be tried on it."""


class Attempt(Lease):
    """A card under a lease, and the command that works on it.

    `run` is for a thread with a `Link`; the main thread calls `guard` and `give_back`, so that a
    database that hangs cannot keep a command alive whose lease is over.
    """

    def __init__(self, plan: Plan, card: Record, claimed: float, around: Surroundings) -> None:
        super().__init__(plan, card, claimed, around.log, around.over)
        self._around = around
        self._suspended = False
        self._lock = threading.Lock()
        self._command: Command | None = None
        self._written, self._write_at = 0, 0.0
        self._patience = Patience(plan.max_runtime, plan.stall, card.max_runtime)
        self._trace = around.traces.begin(card, plan.owner)

    def run(self, link: Link) -> End | None:
        """Work on the card; its end, None if nothing may be told of it. Raises `Away`, and
        `CannotStart` once that is told."""
        self._log("claimed", ttl=self._plan.ttl)
        self._around.log.in_order()  # before the first line of the command
        if self.lease_is_over:  # it slept since it asked
            self._renew(link)
        try:
            self._start()
        except OSError as error:
            return self._not_started(link, error)
        if self._command is not None:
            try:
                self._keep(link, self._command)
            finally:
                self._end_now(self._command)
        return self._its_end()

    def guard(self, slept: bool) -> None:
        """End the command if its lease is over, for the card may be another's by now; or if it
        takes too long."""
        command = self._command
        if command is None or command.ended.is_set():
            return
        overdue = self._patience.look(command.tail.size)
        why = lease.EXPIRED if self.is_over(slept) else lease.OVERDUE if overdue else None
        if why is not None and self.end_for(why):
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
                self.end_for(lease.STOPPED)
        if command is not None:
            command.end(grace)

    def _start(self) -> None:
        with self._lock:
            if self._ended_for is None and not self.lease_is_over:
                self._command = self._begun()
            else:
                self.end_for(lease.EXPIRED)

    def _begun(self) -> Command:
        plan, (_, out, err, _, standby, _) = self._plan, self._around
        rest = (self.card, plan.grace, out.write, err.write, standby, self._may_run_until())
        too_big = None
        base = {**plan.environ, **self._trace.environ}
        for environ in environments(base, plan.owner, self.card):
            try:
                return Command(plan.argv, environ, *rest)
            except OSError as error:
                if error.errno != errno.E2BIG:
                    raise
                too_big = error
        assert too_big is not None  # there is one environment at least  # noqa: S101
        raise too_big

    def _not_started(self, link: Link, error: OSError) -> End:
        """The card is given back or blocked; the worker goes on unless it can start nothing."""
        why = f"cannot start {self._plan.argv[0]}: {error.strerror}"
        if error.errno in _PASSING:
            return lease.given_back(why, max(1, self._backoff() or 0))
        if error.errno == errno.E2BIG and len(self.card.id.encode()) > _USUAL_ID_BYTES:
            note = f"{why}: the card's id is too long for a program"
            return End(BLOCKED, Report(summary=why), reason="capability", note=note, ending=why)
        self.tell(link, lease.given_back("the command could not be started"))
        raise CannotStart(why)

    def _let_run(self) -> None:
        """Say how long it may run, whatever becomes of this process; under the lock."""
        if self._command is not None and self._ended_for in _STILL_HELD:
            self._command.may_run(self._may_run_until())

    def _may_run_until(self) -> float:
        return 0.0 if self._suspended else self._lease_ends

    def _keep(self, link: Link, command: Command) -> None:
        """Renew at a third of the lease, however long the command takes."""
        due = self.renewal_due
        while not command.ended.wait(min(_LOOK_SECONDS, max(0.0, due - now()))):
            if now() < due:
                if now() >= self._write_at:
                    self.keep_output(link)
                continue
            if self.lease_is_over:
                link.close()  # after a sleep the other end may have forgotten the connection
            next_due = self._renew(link) if self._ended_for in _STILL_HELD else None
            if next_due is None:
                command.end(self._plan.grace)
                command.ended.wait()
                return
            due = next_due

    def _renew(self, link: Link) -> float | None:
        """When to renew next; None: the claim is lost."""
        owner, ttl = self._plan.owner, self._plan.ttl
        claim = (self.card.id, owner, self.card.attempts)
        sent = now()  # before the database counts from: the lease is never over earlier
        try:
            link.ask(lambda session: self._plan.deeds.renew(session, *claim, ttl, texts=False))
        except (ClaimLost, NotFound) as lost:
            self.not_renewed(lost)
            return None
        except (Away, Refusal):
            return now() + lease.retry_seconds(ttl)
        with self._lock:
            self.renewed(sent)
            self._let_run()
        self.keep_output(link)
        return self.renewal_due

    def keep_output(self, link: Link, ended: bool = False) -> None:
        """Write down what the command has printed since, for whoever wants to read it.

        What fails costs the attempt nothing: the next time, after a renewal, it is all written.
        """
        command = self._command
        if command is None or not self._plan.output or not command.tail.size:
            return
        if command.tail.size == self._written and not ended:
            return
        printed = command.tail.printed(ended)
        claim = (self.card.id, self.card.attempts, self._plan.owner)
        self._write_at = math.inf
        try:
            link.ask(lambda session: self._plan.deeds.keep(session, *claim, printed))
        except (Away, Refusal):
            return
        self._written, self._write_at = printed.size, now() + _OUTPUT_SECONDS

    def _end_now(self, command: Command) -> None:
        """After an error of ours: a command must not outlive what watches it."""
        if not command.ended.is_set():
            command.end(0)
            command.ended.wait()

    def _log(self, what: str, **more: Any) -> None:
        super()._log(what, **more)
        if "took" in more:  # so it is with each end, and nothing else
            self._trace.end(what, more.get("ending") or more.get("reason"))

    def _its_end(self) -> End | None:
        if self._ended_for == lease.STOPPED:
            return lease.given_back(lease.WAS_STOPPED)
        if self._ended_for not in _STILL_HELD:
            self._log(self._ended_for, took=self._took())  # and nothing is written
            return None
        return self._judged()

    def _judged(self) -> End:
        command = self._command
        assert command is not None  # else it was ended for a reason  # noqa: S101
        said = outcome.said(command.answers.lines)
        for reason in said.ignored:
            self._log("ignored", reason=reason)
        how = FAILED if self._ended_for == lease.OVERDUE else outcome.outcome_of(command.status)
        asked = said.note if how == BLOCKED else None
        last = said.summary or asked or command.complaints.last
        ending = outcome.ending(command.status, last)
        if self._ended_for == lease.OVERDUE:
            ending = f"{self._patience.over}: {ending}"
        return lease.judged(how, said, ending, last, self._backoff())
