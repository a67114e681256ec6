"""The verbs one at a time, against a plain-Python model of the backlog."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from backlog.errors import Cycle, DuplicateKey, Stale
from backlog.records import Record
from backlog.session import PsycopgSession
from backlog.verbs import cards, check, moves, pool
from tests.factories import empty
from tests.lease_model import Entry, Fleet, end
from tests.workers import claim_card, claim_first


def view(card: Record | Entry) -> tuple[Any, ...]:
    """What the store and the model both have of a card."""
    if isinstance(card, Entry):
        known = (card.id, card.title, card.priority, card.status, card.needs, card.key)
        return (*known, card.attempts, card.owner, card.ttl)
    known = (card.id, card.title, card.priority, card.status, card.dependencies)
    return (*known, card.idempotency_key, card.attempts, card.claim_owner, card.claim_ttl_seconds)


class Backlog(Fleet):
    """What the verbs should do: as the model of claims has it, and with cards that are edited."""

    def in_order(self) -> list[Entry]:
        return sorted(self.cards.values(), key=lambda card: (-card.priority, card.number))

    def claim_first(self, owner: str, ttl: int) -> str | None:
        return next(iter(self.take(owner, ttl, None, 1)[0]), None)

    def claim_card(self, card_id: str, owner: str, ttl: int) -> str | None:
        return next(iter(self.take_card(card_id, owner, ttl)[0]), None)

    def link(self, card_id: str, dependency_id: str) -> str:
        if card_id == dependency_id:
            raise Cycle
        card, _ = self.existing(card_id), self.existing(dependency_id)
        if dependency_id not in card.needs:
            self._refuse_cycle(card_id, [dependency_id])
            card.needs = [*card.needs, dependency_id]
        return card_id

    def unlink(self, card_id: str, dependency_id: str) -> str:
        card = self.existing(card_id)
        card.needs = [i for i in card.needs if i != dependency_id]
        return card_id

    def make(self, card_id: str, priority: int, needs: list[str], key: str | None) -> str:
        if card_id in needs:
            raise Cycle
        if twin := self._with_key(key):
            return twin.id
        if card_id not in self.cards:
            self._refuse_cycle(card_id, needs)
        self.create(card_id, priority, None, needs, 0)
        self.cards[card_id].key = key
        return card_id

    def edit(self, card_id: str, fields: dict[str, Any], current: bool) -> str:
        needs = fields.get("depends_on", [])
        if card_id in needs:
            raise Cycle
        card = self.existing(card_id)
        if not current:
            raise Stale
        if self._with_key(fields.get("idempotency_key")) not in (None, card):
            raise DuplicateKey
        self._refuse_cycle(card_id, needs)
        names = {"depends_on": "needs", "idempotency_key": "key"}
        for name, value in fields.items():
            setattr(card, names.get(name, name), value)
        return card_id

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
        self.session, self.model = session, Backlog("")
        self.before: dict[str, Any] = {}
        empty(session)

    def both(self, verb: Callable[..., Any], *words: Any) -> None:
        model = getattr(self.model, verb.__name__)
        self.same(partial(verb, self.session, *words), model, *words)

    def same(self, verb: Callable[[], Any], model: Callable[..., Any], *words: Any) -> None:
        given, expected = end(verb), end(model, *words)
        if isinstance(given, Record) and isinstance(expected, str):
            known = {**self.model.deleted, **self.model.cards}
            given, expected = view(given), view(known[expected])
        assert given == expected

    @rule(card=IDS, priority=PRIORITIES, needs=NEEDS, key=KEYS)
    def create(self, card: str, priority: int, needs: list[str], key: str | None) -> None:
        fields = {"priority": priority, "depends_on": needs, "idempotency_key": key}
        verb = partial(cards.create, self.session, card, "Card", **fields)
        self.same(verb, self.model.make, card, priority, needs, key)

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
        if card in self.model.cards and self.model.cards[card].left is not None:
            self.model.cards[card].left -= 3600

    @rule(verb=st.sampled_from([cards.link, cards.link, cards.unlink]), card=IDS, other=IDS)
    def change_edges(self, verb: Callable[..., Any], card: str, other: str) -> None:
        self.both(verb, card, other)

    @rule(card=IDS, fields=FIELDS, current=st.none() | st.booleans())
    def edit(self, card: str, fields: dict[str, Any], current: bool | None) -> None:
        """`current`: whether the caller saw the card as it is; None: does not say what it saw."""
        known = self.before[card][0] if card in self.before else None
        seen = known if current or known is None else known.replace(year=2000)
        words = fields if current is None else {**fields, "seen": seen}
        verb = partial(cards.edit, self.session, card, **words)
        self.same(verb, self.model.edit, card, fields, current is not False)

    @rule(card=IDS, force=st.booleans())
    def delete(self, card: str, force: bool) -> None:
        verb = partial(cards.delete, self.session, card, force=force)
        self.same(verb, self.model.delete, card, force)

    @rule(card=IDS)
    def use_the_id_again(self, card: str) -> None:
        self.delete(card, True)
        self.create(card, 0, [], None)

    @invariant()
    def nothing_has_drifted(self) -> None:
        assert check.recount(self.session).ok

    @invariant()
    def every_card_is_as_in_the_model(self) -> None:
        listed, expected = list(cards.list_cards(self.session)), self.model.in_order()
        assert [view(card) for card in listed] == [view(entry) for entry in expected]
        before, self.before = self.before, {}
        for card, entry in zip(listed, expected, strict=True):
            # The ttl is left out: a heartbeat is no change of the card.
            kept = (entry.number, view(entry)[:-1])
            self.before[card.id] = card.updated_at, kept
            dated, known = before.get(card.id, (None, None))
            assert (card.updated_at != dated) == (kept != known)

    @invariant()
    def every_card_waits_for_what_the_model_says(self) -> None:
        for card in self.model.cards.values():
            status = {i: self.model.cards[i].status for i in card.needs if i in self.model.cards}
            waits = self.model.waits(card)
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
                draft=False,
                spent=[],
                block_reason=card.reason if card.status == "blocked" else None,
                block_note=None,
                open_criteria=[],
            )


@pytest.mark.deep
def test_the_verbs_do_what_the_model_does(session: PsycopgSession, monkeypatch: Any) -> None:
    monkeypatch.setenv("BACKLOG_MAX_ATTEMPTS", "0")  # caps: tests/test_lease_model.py
    steps = settings(stateful_step_count=40)
    run_state_machine_as_test(lambda: Verbs(session), settings=steps)
