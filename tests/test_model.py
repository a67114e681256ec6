"""The verbs one at a time, against a plain-Python model of the backlog."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from backlog.errors import (
    Cancelled,
    ClaimLost,
    Cycle,
    DuplicateId,
    DuplicateKey,
    HasDependents,
    NotFound,
    Refusal,
    Stale,
    WrongState,
)
from backlog.records import Record
from backlog.session import PsycopgSession
from backlog.verbs import cards, check, moves, pool
from tests.factories import empty
from tests.workers import claim_card, claim_first


@dataclass
class Entry:
    """A card as the model has it."""

    id: str
    title: str
    number: int  # in the order of creation
    priority: int = 0
    status: str = "ready"
    needs: list[str] = field(default_factory=list)
    key: str | None = None
    owner: str | None = None
    ttl: int | None = None
    attempts: int = 0
    expired: bool = False
    touched: bool = True
    ended: list[tuple[int, str | None, bool]] = field(default_factory=list)

    def end_attempt(self, cancelled: bool = False) -> None:
        if self.status == "claimed":
            self.ended.append((self.attempts, self.owner, cancelled))

    def move(self, status: str, owner: str | None = None, ttl: int | None = None) -> None:
        self.end_attempt()
        self.status, self.owner, self.ttl = status, owner, ttl
        self.expired, self.touched = False, True

    def view(self) -> tuple[Any, ...]:
        held = (self.owner, self.ttl, self.attempts)
        return (self.id, self.title, self.priority, self.status, self.needs, self.key, *held)


def view(card: Record) -> tuple[Any, ...]:
    held = (card.claim_owner, card.claim_ttl_seconds, card.attempts)
    known = (card.id, card.title, card.priority, card.status, card.dependencies)
    return (*known, card.idempotency_key, *held)


class Backlog:
    """What the verbs should do."""

    def __init__(self) -> None:
        self.cards: dict[str, Entry] = {}
        self.deleted: dict[str, Entry] = {}
        self.created = 0

    def open(self, card: Entry) -> list[str]:
        return [i for i in card.needs if i not in self.cards or self.cards[i].status != "done"]

    def claimable(self, card: Entry) -> bool:
        return card.status == "ready" and not self.open(card)

    def in_order(self) -> list[Entry]:
        return sorted(self.cards.values(), key=lambda card: (-card.priority, card.number))

    def claim_first(self, owner: str, ttl: int) -> Entry | None:
        first = next(filter(self.claimable, self.in_order()), None)
        return first and self.claim_card(first.id, owner, ttl)

    def claim_card(self, card_id: str, owner: str, ttl: int) -> Entry | None:
        card = self.cards.get(card_id)
        if card is None or not self.claimable(card):
            return None
        card.move("claimed", owner, ttl)
        card.attempts += 1
        return card

    def complete(self, card_id: str, *claim: Any) -> Entry | None:
        return self._end(card_id, "done", "blocked", *claim)

    def block(self, card_id: str, *claim: Any) -> Entry | None:
        return self._end(card_id, "blocked", "done", *claim)

    def _end(self, card_id: str, to: str, refused: str, *claim: Any) -> Entry | None:
        card = self._held(card_id, *claim)
        if card is not None and card.status == refused:
            raise WrongState
        if card is not None and card.status != to:
            card.move(to)
        return card

    def unblock(self, card_id: str) -> Entry:
        return self._ready(self._existing(card_id), "blocked")

    def reopen(self, card_id: str) -> Entry:
        return self._ready(self._existing(card_id), "done")

    def release(self, card_id: str, *claim: Any) -> Entry:
        self._held(card_id, *claim)
        return self._ready(self._existing(card_id), "claimed")

    def renew(self, card_id: str, owner: Any, attempt: Any, ttl: int | None) -> Entry:
        self._held(card_id, owner, attempt)
        card = self._existing(card_id)
        if card.status != "claimed":
            raise WrongState
        card.ttl, card.expired = ttl or card.ttl, False
        return card

    def _held(self, card_id: str, owner: str | None, attempt: int | None) -> Entry | None:
        card = self.cards.get(card_id)
        if owner is None and attempt is None:
            return card
        if card is None:
            raise ClaimLost
        is_theirs = owner in (None, card.owner) and attempt in (None, card.attempts)
        if card.status == "claimed" and is_theirs:
            return card
        ended = [each for each in card.ended if attempt in (None, each[0])]
        if attempt is None:
            ended = [each for each in ended if each[1] == owner]
        raise Cancelled if ended and ended[-1][2] else ClaimLost

    def _ready(self, card: Entry, source: str) -> Entry:
        if card.status != source:
            raise WrongState
        card.move("ready")
        return card

    def reclaim(self) -> list[str]:
        expired = sorted(card.id for card in self.cards.values() if card.expired)
        return [i for card_id in expired for i in self.reclaim_card(card_id)]

    def reclaim_card(self, card_id: str) -> list[str]:
        card = self.cards.get(card_id)
        if card is None or card.status != "claimed":
            return []
        card.move("ready")
        return [card_id]

    def link(self, card_id: str, dependency_id: str) -> Entry:
        if card_id == dependency_id:
            raise Cycle
        card, _ = self._existing(card_id), self._existing(dependency_id)
        if dependency_id not in card.needs:
            self._refuse_cycle(card_id, [dependency_id])
            card.needs, card.touched = [*card.needs, dependency_id], True
        return card

    def unlink(self, card_id: str, dependency_id: str) -> Entry:
        card = self._existing(card_id)
        if dependency_id in card.needs:
            card.needs = [i for i in card.needs if i != dependency_id]
            card.touched = True
        return card

    def create(self, card_id: str, priority: int, needs: list[str], key: str | None) -> Entry:
        if card_id in needs:
            raise Cycle
        twin = self._with_key(key)
        if twin is not None:
            return twin
        if card_id in self.cards:
            raise DuplicateId
        self._refuse_cycle(card_id, needs)
        self.created += 1
        card = Entry(card_id, "Card", self.created, priority, needs=needs, key=key)
        if card_id in self.deleted:
            before = self.deleted[card_id]
            card.attempts, card.ended = before.attempts, before.ended
        self.cards[card_id] = card
        return card

    def edit(self, card_id: str, fields: dict[str, Any], current: bool) -> Entry:
        needs = fields.get("depends_on", [])
        if card_id in needs:
            raise Cycle
        card = self._existing(card_id)
        if not current:
            raise Stale
        twin = self._with_key(fields.get("idempotency_key"))
        if twin not in (None, card):
            raise DuplicateKey
        self._refuse_cycle(card_id, needs)
        names = {"depends_on": "needs", "idempotency_key": "key"}
        for name, value in fields.items():
            kept = names.get(name, name)
            card.touched = card.touched or getattr(card, kept) != value
            setattr(card, kept, value)
        return card

    def delete(self, card_id: str, force: bool) -> Entry:
        card = self._existing(card_id)
        waiting = [c for c in self.cards.values() if card_id in c.needs and c.status != "done"]
        if waiting and not force:
            raise HasDependents
        card.end_attempt(cancelled=True)
        self.deleted[card_id] = card
        return self.cards.pop(card_id)

    def _existing(self, card_id: str) -> Entry:
        if card_id not in self.cards:
            raise NotFound
        return self.cards[card_id]

    def _with_key(self, key: str | None) -> Entry | None:
        return next((c for c in self.cards.values() if key is not None and c.key == key), None)

    def _refuse_cycle(self, card_id: str, ends: list[str]) -> None:
        seen, ahead = set(), list(ends)
        while ahead:
            at = ahead.pop()
            if at == card_id:
                raise Cycle
            if at not in seen:
                seen.add(at)
                ahead += self.cards[at].needs if at in self.cards else []


def end(verb: Callable[..., Any], *words: Any) -> Any:
    """What a verb gives, comparable: a card's view, a list, None, or the class of its refusal."""
    try:
        given = verb(*words)
    except Refusal as refusal:
        return type(refusal)
    if isinstance(given, Entry):
        return given.view()
    return view(given) if isinstance(given, Record) else given


IDS = st.sampled_from("ABCDEF")
OWNERS = st.sampled_from(["w1", "w2"])
TTLS = st.integers(500, 1000)  # seconds that no run of this test takes
PRIORITIES = st.integers(-1, 1)
NEEDS = st.lists(IDS, max_size=3, unique=True)
KEYS = st.sampled_from([None, "k1", "k2"])
FIELDS = st.fixed_dictionaries(
    {},
    optional={
        "title": st.sampled_from(["Card", "Other"]),
        "priority": PRIORITIES,
        "depends_on": NEEDS,
        "idempotency_key": KEYS,
    },
)
CLAIM = st.tuples(st.none() | OWNERS, st.none() | st.integers(1, 3))


class Verbs(RuleBasedStateMachine):
    """Each rule does the same to the store and to the model, and compares how it ended."""

    def __init__(self, session: PsycopgSession) -> None:
        super().__init__()
        self.session, self.model = session, Backlog()
        self.dated: dict[str, Any] = {}
        empty(session)

    def both(self, verb: Callable[..., Any], *words: Any) -> None:
        expected = end(getattr(self.model, verb.__name__), *words)
        assert end(verb, self.session, *words) == expected

    @rule(card=IDS, priority=PRIORITIES, needs=NEEDS, key=KEYS)
    def create(self, card: str, priority: int, needs: list[str], key: str | None) -> None:
        expected = end(self.model.create, card, priority, needs, key)
        fields = {"priority": priority, "depends_on": needs, "idempotency_key": key}
        assert end(lambda: cards.create(self.session, card, "Card", **fields)) == expected

    @rule(owner=OWNERS, ttl=TTLS)
    def claim(self, owner: str, ttl: int) -> None:
        self.both(claim_first, owner, ttl)

    @rule(card=IDS, owner=OWNERS, ttl=TTLS)
    def claim_card(self, card: str, owner: str, ttl: int) -> None:
        self.both(claim_card, card, owner, ttl)

    @rule(verb=st.sampled_from([moves.complete, moves.block, moves.release]), card=IDS, by=CLAIM)
    def leave(self, verb: Callable[..., Any], card: str, by: tuple[Any, Any]) -> None:
        self.both(verb, card, *by)

    @rule(verb=st.sampled_from([moves.complete, moves.block, moves.release]), card=IDS)
    def leave_by_hand(self, verb: Callable[..., Any], card: str) -> None:
        self.both(verb, card, None, None)

    @rule(card=IDS, by=CLAIM, ttl=st.none() | TTLS)
    def renew(self, card: str, by: tuple[Any, Any], ttl: int | None) -> None:
        self.both(moves.renew, card, *by, ttl)

    @rule(verb=st.sampled_from([moves.unblock, moves.reopen, moves.reclaim_card]), card=IDS)
    def back_to_the_pool(self, verb: Callable[..., Any], card: str) -> None:
        self.both(verb, card)

    @rule()
    def reclaim(self) -> None:
        self.both(moves.reclaim)

    @rule(card=IDS)
    def time_passes(self, card: str) -> None:
        """The card's lease runs out."""
        sql = """UPDATE backlog SET claimed_at = claimed_at - interval '1 hour'
            WHERE id = %s AND status = 'claimed'"""
        self.session.execute(sql, [card])
        if card in self.model.cards:
            self.model.cards[card].expired = self.model.cards[card].status == "claimed"

    @rule(verb=st.sampled_from([cards.link, cards.link, cards.unlink]), card=IDS, other=IDS)
    def change_edges(self, verb: Callable[..., Any], card: str, other: str) -> None:
        self.both(verb, card, other)

    @rule(card=IDS, fields=FIELDS, current=st.none() | st.booleans())
    def edit(self, card: str, fields: dict[str, Any], current: bool | None) -> None:
        """`current`: whether the caller saw the card as it is; None: does not say what it saw."""
        known = self.dated.get(card)
        seen = known if current or known is None else known.replace(year=2000)
        words = fields if current is None else {**fields, "seen": seen}
        expected = end(self.model.edit, card, fields, current is not False)
        assert end(lambda: cards.edit(self.session, card, **words)) == expected

    @rule(card=IDS, force=st.booleans())
    def delete(self, card: str, force: bool) -> None:
        expected = end(self.model.delete, card, force)
        assert end(lambda: cards.delete(self.session, card, force=force)) == expected

    @rule(card=IDS)
    def use_the_id_again(self, card: str) -> None:
        self.delete(card, True)
        self.create(card, 0, [], None)

    @invariant()
    def nothing_has_drifted(self) -> None:
        assert check.recount(self.session).ok

    @invariant()
    def every_card_is_as_in_the_model(self) -> None:
        listed = cards.list_cards(self.session)
        expected = self.model.in_order()
        assert [view(card) for card in listed] == [card.view() for card in expected]
        for card, entry in zip(listed, expected, strict=True):
            assert (card.updated_at != self.dated.get(card.id)) == entry.touched
            entry.touched = False
        self.dated = {card.id: card.updated_at for card in listed}

    @invariant()
    def every_card_waits_for_what_the_model_says(self) -> None:
        for card in self.model.cards.values():
            status = {i: self.model.cards[i].status for i in card.needs if i in self.model.cards}
            waits = self.model.open(card)
            assert pool.explain(self.session, card.id) == pool.Explanation(
                card.id,
                card.status,
                self.model.claimable(card),
                unfinished=[i for i in waits if status.get(i) in ("ready", "claimed")],
                blocked=[i for i in waits if status.get(i) == "blocked"],
                missing=[i for i in waits if i not in status],
                not_before=None,
                pauses=[],
                limits=[],
            )


@pytest.mark.deep
def test_the_verbs_do_what_the_model_does(session: PsycopgSession, monkeypatch: Any) -> None:
    monkeypatch.setenv("BACKLOG_MAX_ATTEMPTS", "0")  # caps: tests/test_lease_model.py
    steps = settings(stateful_step_count=40)
    run_state_machine_as_test(lambda: Verbs(session), settings=steps)
