"""What the verbs should do with claims, time, pauses and limits: a model in plain Python.

Seconds are added and subtracted, never read from a clock: all lengths of leases and delays are
half a step away from all steps of time, so that nothing is ever due "just now".
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from operator import attrgetter
from typing import Any

from backlog.errors import (
    Cancelled,
    ClaimLost,
    DuplicateId,
    HasDependents,
    NotFound,
    Refusal,
    WrongState,
)

CAP = 3  # attempts, of a card that names none itself

Scope = tuple[str, str]


def end(verb: Callable[..., Any], *words: Any) -> Any:
    """What a verb gives, of the store or of the model, or the class of its refusal."""
    try:
        return verb(*words)
    except Refusal as refusal:
        return type(refusal)


@dataclass
class Run:
    """An attempt, or (None) a completion without one; no outcome: it goes on."""

    attempt: int | None
    owner: str
    outcome: str | None = None


@dataclass
class Entry:
    """A card as the model has it; `left` and `wait` are seconds, and may be negative."""

    id: str
    number: int  # in the order of creation
    priority: int
    phase: str | None
    needs: list[str]
    max_attempts: int | None
    runs: list[Run] = field(default_factory=list)
    attempts: int = 0
    forgiven: int = 0
    status: str = "ready"
    owner: str | None = None
    ttl: int | None = None
    left: int | None = None
    wait: int | None = None
    held: bool = False
    reason: str | None = None
    blocks: int = 0
    title: str = "Card"
    key: str | None = None

    @property
    def expired(self) -> bool:
        return self.left is not None and self.left <= 0

    @property
    def due(self) -> bool:
        return self.held and self.wait is not None and self.wait <= 0

    def hold_back(self, seconds: int | None) -> None:
        self.wait, self.held = seconds, (seconds or 0) > 0

    def begin(self, owner: str, ttl: int) -> None:
        self.status, self.owner, self.ttl, self.left = "claimed", owner, ttl, ttl
        self.attempts += 1
        self.hold_back(None)
        self.runs.append(Run(self.attempts, owner))

    def leave(self, outcome: str) -> None:
        if self.status == "claimed":
            self.runs[-1].outcome = outcome
        self.owner = self.ttl = self.left = None

    def give_back(self, outcome: str | None = None, counted: bool = True) -> None:
        self.leave(outcome or ("expired" if self.expired else "released"))
        self.forgiven += not counted
        cap = CAP if self.max_attempts is None else self.max_attempts
        if 0 < cap <= self.attempts - self.forgiven:
            self.block("attempts_exhausted")
        else:
            self.status = "ready"

    def block(self, reason: str) -> None:
        self.blocks = self.blocks + 1 if reason == self.reason else 1
        self.status, self.reason = "blocked", reason


class Fleet:
    """Every verb by its name: what it gives, or the refusal that it raises."""

    def __init__(self, role: str) -> None:
        self.role = role  # who acts when no owner is named
        self.cards: dict[str, Entry] = {}
        self.deleted: dict[str, Entry] = {}
        self.pauses: set[Scope] = set()
        self.limits: dict[Scope, int] = {}
        self.created = 0

    # What can be claimed --------------------------------------------------------------------------

    def waits(self, card: Entry) -> list[str]:
        """What it waits for."""
        return [i for i in card.needs if i not in self.cards or self.cards[i].status != "done"]

    def claimable(self, card: Entry) -> bool:
        return card.status == "ready" and not card.held and not self.waits(card)

    def used(self, scope: Scope) -> int:
        kind, name = scope
        held = [card for card in self.cards.values() if card.status == "claimed"]
        of = {"fleet": lambda card: "", "phase": attrgetter("phase"), "owner": attrgetter("owner")}
        return sum(name == of[kind](card) for card in held)

    def _full(self, scope: Scope) -> bool:
        return scope in self.limits and self.used(scope) >= self.limits[scope]

    def _stopped(self, owner: str) -> str | None:
        if self.pauses & {("fleet", ""), ("owner", owner)}:
            return "paused"
        is_full = any(map(self._full, [("fleet", ""), ("owner", owner)]))
        return "limit" if is_full else None

    def _shut(self, card: Entry) -> str | None:
        scope = ("phase", card.phase or "")
        return "paused" if scope in self.pauses else "limit" if self._full(scope) else None

    def wake(self) -> int:
        due = [card for card in self.cards.values() if card.due]
        for card in due:
            card.held = False
        return len(due)

    def _is_open(self) -> bool:
        return not self.pauses and not self.limits and not any(c.due for c in self.cards.values())

    # Claims ---------------------------------------------------------------------------------------

    def take(self, owner: str, ttl: int, phase: str | None, count: int) -> tuple[Any, str | None]:
        self.wake()
        if why := self._stopped(owner):
            return [], why
        taken: list[str] = []
        while len(taken) < count and self._stopped(owner) is None:
            pool = [
                c for c in self.cards.values() if self.claimable(c) and phase in (None, c.phase)
            ]
            free = [card for card in pool if self._shut(card) is None]
            if not free:
                break
            card = min(free, key=lambda each: (-each.priority, each.number))
            card.begin(owner, ttl)
            taken.append(card.id)
        if taken:
            return taken, None
        shut = {self._shut(card) for card in pool}
        return [], "paused" if "paused" in shut else "limit" if shut else "empty"

    def take_card(self, card_id: str, owner: str, ttl: int) -> tuple[Any, str | None]:
        card = self.cards.get(card_id)
        if card is None or card.status != "ready":
            return [], "empty"
        if not self._is_open():
            self.wake()
            if why := self._stopped(owner) or self._shut(card):
                return [], why
        if not self.claimable(card):
            return [], "empty"
        card.begin(owner, ttl)
        return [card_id], None

    def complete_and_claim(self, card_id: str, owner: str, attempt: Any, ttl: int) -> Any:
        return self.complete(card_id, owner, attempt), self.take(owner, ttl, None, 1)

    def renew(self, card_id: str, owner: Any, attempt: Any, ttl: int | None) -> str:
        card = self._moved(card_id, owner, attempt, ["claimed"])
        card.ttl = ttl or card.ttl
        card.left = card.ttl
        return card_id

    # Ends -----------------------------------------------------------------------------------------

    def complete(self, card_id: str, owner: Any = None, attempt: Any = None) -> str | None:
        card = self._ended(card_id, owner, attempt, "done")
        if card is not None:
            if card.status == "ready":
                card.runs.append(Run(None, self.role, "completed"))
            card.leave("completed")
            card.status = "done"
        return card_id if card_id in self.cards else None

    def block(
        self,
        card_id: str,
        owner: Any = None,
        attempt: Any = None,
        reason: str = "other",
        outcome: str = "blocked",
    ) -> str | None:
        card = self._ended(card_id, owner, attempt, "blocked")
        if card is not None:
            card.leave(outcome)
            card.block(reason)
        return card_id if card_id in self.cards else None

    def cancel(self, card_id: str) -> str | None:
        return self.block(card_id, outcome="cancelled")

    def _ended(self, card_id: str, owner: Any, attempt: Any, to: str) -> Entry | None:
        """The card to be moved; None if there is none, or it is there already."""
        card = self.cards.get(card_id)
        if owner is None and attempt is None and (card is None or card.status == to):
            return None
        return self._moved(card_id, owner, attempt, ["ready", "claimed"])

    def release(
        self, card_id: str, owner: Any, attempt: Any, delay: Any = None, said: Any = (None, True)
    ) -> str:
        card = self._moved(card_id, owner, attempt, ["claimed"])
        if delay is not None:
            card.hold_back(delay)
        outcome, counted = said
        card.give_back(outcome or "released", counted)
        return card_id

    def reclaim(self) -> list[str]:
        return sorted(
            i for i, card in self.cards.items() if card.expired and self.reclaim_card(card.id)
        )

    def reclaim_card(self, card_id: str) -> list[str]:
        card = self.cards.get(card_id)
        if card is None or card.status != "claimed":
            return []
        card.give_back()
        return [card_id]

    def unblock(self, card_id: str) -> str:
        card = self._moved(card_id, None, None, ["blocked"])
        card.status, card.forgiven = "ready", card.attempts
        return card_id

    def reopen(self, card_id: str) -> str:
        self._moved(card_id, None, None, ["done"]).status = "ready"
        return card_id

    def _moved(self, card_id: str, owner: Any, attempt: Any, sources: list[str]) -> Entry:
        """The card, which may move. Raises what refuses it."""
        if owner is not None or attempt is not None:
            return self._held(self.cards.get(card_id), owner, attempt)
        card = self.existing(card_id)
        if card.status not in sources:
            raise WrongState
        return card

    def existing(self, card_id: str) -> Entry:
        if card_id not in self.cards:
            raise NotFound
        return self.cards[card_id]

    @staticmethod
    def _held(card: Entry | None, owner: Any, attempt: Any) -> Entry:
        if card is None:
            raise ClaimLost
        is_theirs = owner in (None, card.owner) and attempt in (None, card.attempts)
        if card.status == "claimed" and is_theirs:
            return card
        key = ("owner", owner) if attempt is None else ("attempt", attempt)
        ended = [run for run in card.runs if run.outcome and getattr(run, key[0]) == key[1]]
        raise Cancelled if ended and ended[-1].outcome == "cancelled" else ClaimLost

    # Cards and rules ------------------------------------------------------------------------------

    def create(self, card_id: str, priority: int, phase: str | None, *more: Any) -> str:
        if card_id in self.cards:
            raise DuplicateId
        self.created += 1
        card = Entry(card_id, self.created, priority, phase, *more)
        if before := self.deleted.pop(card_id, None):
            card.attempts, card.forgiven, card.runs = before.attempts, before.attempts, before.runs
        self.cards[card_id] = card
        return card_id

    def delete(self, card_id: str, force: bool = False) -> str:
        card = self.existing(card_id)
        waiting = [c for c in self.cards.values() if card_id in c.needs and c.status != "done"]
        if waiting and not force:
            raise HasDependents
        if card.status == "claimed":
            card.runs[-1].outcome = "cancelled"
        self.deleted[card_id] = self.cards.pop(card_id)
        return card_id

    def hold_back(self, card_id: str, seconds: int | None) -> str:
        self.existing(card_id).hold_back(seconds)
        return card_id

    def unlimit(self, scope: Scope) -> str:
        if self.limits.pop(scope, None) is None:
            raise NotFound
        return scope[1]

    def pass_time(self, seconds: int) -> None:
        for card in self.cards.values():
            card.left = None if card.left is None else card.left - seconds
            card.wait = None if card.wait is None else card.wait - seconds
