"""A card that this worker has: until when, why not any more, and how the end of that is told."""

from collections.abc import Callable
from functools import partial
from threading import Event
from typing import Any, Final, NamedTuple

from backlog.errors import Cancelled, ClaimLost, Refusal, UsageError
from backlog.lifecycle import BLOCKED as CARD_BLOCKED
from backlog.records import Record
from backlog.session import Session
from backlog.verbs.claims import Taken
from backlog.verbs.runs import Report
from backlog.worker import outcome
from backlog.worker.clock import now
from backlog.worker.link import Away, Link
from backlog.worker.outcome import BLOCKED, COMPLETED, FAILED, RELEASED, Said
from backlog.worker.plan import Plan

# Why the work on a card was ended: the card may be another's by now; its lease could not be
# renewed, and may be over; somebody wants the card back; the worker stops; it took too long.
LOST: Final = "lost"
EXPIRED: Final = "expired"
CANCELLED: Final = "cancelled"
STOPPED: Final = "stopped"
OVERDUE: Final = "overdue"

# What a renewal that met no answer waits before the next: a part of the ttl, within limits.
_RETRIES_IN_A_LEASE: Final = 20
_LONGEST_RETRY_SECONDS: Final = 5.0
# How long the database has to answer when the lease ended during a sleep.
_TO_ASK_SECONDS: Final = 15.0

# Claimed, and when each was asked for: no lease of it is over earlier.
Claimed = list[tuple[float, Record]]

WAS_STOPPED: Final = "the worker was stopped"


class End(NamedTuple):
    """How an attempt ends: as what (`outcome`), what is said of it, when it may be tried again.

    `reason` and `note` are those of a block, `ending` is for the log.
    """

    how: str
    report: Report
    delay: int | None = None
    reason: str = outcome.DEFAULT_REASON
    note: str | None = None
    ending: str | None = None


def judged(how: str, said: Said, ending: str, last: str | None, delay: int | None) -> End:
    """The end of an attempt that came to it by itself.

    `ending` tells how, `last` what its last word was; `delay` is for one that may be tried again.
    """
    report = Report(said.summary, said.result, said.tokens, said.cost)
    if how == COMPLETED:
        return End(COMPLETED, report)
    report = report._replace(summary=ending)
    if how == BLOCKED:
        reason, note = said.reason or outcome.DEFAULT_REASON, said.note or last or None
        return End(BLOCKED, report, reason=reason, note=note)
    if how == RELEASED:
        return End(RELEASED, report._replace(counted=False), delay, ending=ending)
    return End(FAILED, report._replace(outcome=FAILED), delay, ending=ending)


def given_back(why: str, delay: int | None = None) -> End:
    """The end of an attempt without a judgement on it."""
    return End(RELEASED, Report(summary=why, counted=False), delay, ending=why)


def retry_seconds(ttl: int) -> float:
    """How long after a renewal that met no answer to try the next."""
    return min(ttl / _RETRIES_IN_A_LEASE, _LONGEST_RETRY_SECONDS)


class Lease:
    """Made when the claim is answered; `claimed` is when it was asked for, on the worker's clock.

    Nothing may be written of an attempt that ended for LOST, EXPIRED or CANCELLED.
    """

    def __init__(
        self, plan: Plan, card: Record, claimed: float, log: Callable[..., None], over: Event
    ) -> None:
        """`over`: the worker waits for nothing any more."""
        self.card = card
        self._plan, self._told, self._over = plan, log, over
        self._began = claimed
        self._lease_ends = claimed + plan.ttl
        self._asked_until = claimed
        self._ended_for: str | None = None

    @property
    def renewal_due(self) -> float:
        """When a third of the lease has passed."""
        return self._lease_ends - 2 / 3 * self._plan.ttl

    @property
    def lease_is_over(self) -> bool:
        """Whether nobody said that it stands, by now."""
        return now() >= self._lease_ends

    def is_over(self, slept: bool) -> bool:
        """Whether nobody may count on it any more; for a thread that asks again and again.

        If it ended while the worker `slept`, the database is asked first, for a while: the card may
        just as well be nobody's but ours.
        """
        if slept and self.lease_is_over:
            self._asked_until = now() + _TO_ASK_SECONDS
        return now() >= max(self._lease_ends, self._asked_until)

    def end_for(self, why: str) -> bool:
        """Note why it ends, once; whether this is the reason."""
        self._ended_for = self._ended_for or why
        return self._ended_for == why

    def not_renewed(self, refusal: Refusal) -> None:
        """The claim is not ours any more, says the store."""
        self.end_for(CANCELLED if isinstance(refusal, Cancelled) else LOST)

    def renewed(self, sent: float) -> None:
        """It lasts anew, from when the renewal was sent: that is never later than it was made."""
        self._lease_ends = sent + self._plan.ttl

    def tell(self, link: Link, end: End) -> bool:
        """Write the end of the attempt down, however long it takes; whether it is `completed`."""
        try:
            card = link.insist(partial(self._move(end), report=end.report), self._over)
        except ClaimLost as lost:
            # An answer that was never heard leaves this: ended as we wanted, by ourselves.
            claim = (self.card.id, self.card.attempts, self._plan.owner)
            how = link.insist(lambda s: self._plan.deeds.ended(s, *claim), self._over)
            if how != end.how:
                what = CANCELLED if isinstance(lost, Cancelled) else LOST
                self._log(what, took=self._took(), reason=str(lost))
                return False
            card = None
        except Refusal as error:
            bare = Report(outcome=end.report.outcome, counted=end.report.counted)
            if type(error) in (Refusal, UsageError) and end.report != bare:
                # A value that the database cannot hold must not cost the word about the end.
                self._log("ignored", reason=str(error))
                return self.tell(link, end._replace(report=bare))
            self._log("refused", took=self._took(), reason=str(error))
            return False
        return self.told(end, card)

    def tell_and_claim(self, link: Link, end: End) -> Claimed:
        """Write a completion down, which brings the next card, if there is one at this moment.

        Where that meets no answer or is refused, the completion is told alone, as by `tell`.
        """
        try:
            asked, (done, taken) = link.ask(partial(self._complete_and_claim, report=end.report))
        except (Away, Refusal):
            self.tell(link, end)
            return []
        self.told(end, done)
        return [(asked, card) for card in taken.cards]

    def _complete_and_claim(
        self, session: Session, report: Report
    ) -> tuple[float, tuple[Record, Taken[Record]]]:
        """And when it was asked for."""
        plan = self._plan
        pool = plan.deeds.pool(session, *plan.pool)
        claim = (session, self.card.id, plan.owner, self.card.attempts)
        how: dict[str, Any] = {"ttl": plan.ttl, "pool": pool, "report": report, "texts": False}
        how["waited_for"] = self.card.has_dependents
        return now(), plan.deeds.complete_and_claim(*claim, **how)

    def told(self, end: End, card: Record | None) -> bool:
        """It is written down, and the card is so now; whether it is `completed`."""
        more: dict[str, Any] = {"delay": end.delay, "ending": end.ending}
        if card is not None and card.status == CARD_BLOCKED:
            more |= {"blocked": card.block_reason, "delay": None}
        self._log(end.how, took=self._took(), **more)
        return end.how == COMPLETED

    def _move(self, end: End) -> Callable[..., Record | None]:
        """What ends it so: a move of this card in this attempt, given a session and the report."""
        claim = {"owner": self._plan.owner, "attempt": self.card.attempts}
        deeds = self._plan.deeds
        move, how = deeds.complete, dict[str, Any]()
        if end.how == BLOCKED:
            move, how = deeds.block, {"reason": end.reason, "note": end.note}
        elif end.how != COMPLETED:
            move, how = deeds.release, {"delay": end.delay}
        return partial(move, card_id=self.card.id, **claim, texts=False, **how)

    def _backoff(self) -> int | None:
        return outcome.backoff(self._plan.backoff, self.card.attempts) or None

    def _took(self) -> float:
        return round(now() - self._began, 3)

    def _log(self, what: str, **more: Any) -> None:
        self._told(what, self.card, **more)
