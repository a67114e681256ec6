"""Claims, leases and time, pauses and limits: the verbs one at a time against the model of them."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    rule,
    run_state_machine_as_test,
)

from backlog.errors import NotFound
from backlog.records import Record
from backlog.session import PsycopgSession
from backlog.verbs import batches, cards, check, claims, moves, pool, rules
from backlog.verbs.batches import Held
from backlog.verbs.claims import Taken
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report
from tests.factories import empty
from tests.invariants import broken
from tests.lease_model import CAP, Fleet, Scope, end

STEP = 1000  # seconds; no run of this test takes half of one
LENGTHS = st.sampled_from([STEP // 2, STEP * 3 // 2, STEP * 5 // 2])
IDS = st.sampled_from("ABC")
OWNERS = st.sampled_from(["w1", "w2"])
PHASES = st.sampled_from([None, "M1"])
# Whose claim a verb names: by hand, anybody's, or (None) that of who holds the card in the model.
BY = st.none() | st.tuples(st.none() | OWNERS, st.none() | st.integers(1, 4))
REASONS = st.sampled_from(["needs_input", "other"])
SAID = st.tuples(st.sampled_from([None, "failed"]), st.booleans())
LIMITED = st.sampled_from([("fleet", ""), ("phase", "M1"), ("owner", "w1")])
PAUSED = st.sampled_from([("fleet", ""), ("phase", "M1"), ("owner", "w2")])

TIMES = {
    "backlog": (
        *("created_at", "updated_at", "status_changed_at"),
        *("claimed_at", "claim_expires_at", "not_before"),
    ),
    "backlog_ended_run": ("started_at", "ended_at"),
    "backlog_event": ("at",),
    "backlog_rule": ("due",),
}

CARDS = """
    SELECT id, status, claim_owner, claim_ttl_seconds, attempts, attempts_forgiven, held, claimable,
        not_before IS NOT NULL, claim_expires_at <= now(), block_reason, block_count
    FROM backlog ORDER BY id"""
RUNS = """
    SELECT card_id, attempt, owner, outcome FROM backlog_run
    ORDER BY card_id, id NULLS LAST"""


def shape(given: Any) -> Any:
    """What a verb gave, as the model gives it: ids for cards."""
    if isinstance(given, Record):
        return given.id
    if isinstance(given, Taken):
        return [card.id for card in given.cards], given.why
    return tuple(map(shape, given)) if isinstance(given, tuple) else given


class Leases(RuleBasedStateMachine):
    """Each rule does the same to the store and to the model, and compares how it ended."""

    def __init__(self, session: PsycopgSession) -> None:
        super().__init__()
        self.session = session
        self.model = Fleet(str(session.execute("SELECT session_user").fetchone()[0]))
        self.attempts: dict[str, int] = {}
        self.used: dict[Scope, int] = {}
        empty(session)
        for card_id, phase in {"A": "M1", "B": "M1", "C": None}.items():
            self.create(card_id, 0, phase, False, None)

    def claim_of(self, card_id: str, by: tuple[Any, Any] | None) -> tuple[Any, Any]:
        card = self.model.cards.get(card_id)
        return by or (card and card.owner, card and card.attempts)

    def same(self, verb: Callable[..., Any], model: Callable[..., Any], *words: Any) -> None:
        assert shape(end(verb)) == end(model, *words)

    def both(self, verb: Callable[..., Any], *words: Any) -> None:
        model = getattr(self.model, verb.__name__)
        self.same(partial(verb, self.session, *words), model, *words)

    @initialize(
        limits=st.dictionaries(LIMITED, st.integers(1, 2)), paused=st.sets(PAUSED, max_size=1)
    )
    def begin(self, limits: dict[Scope, int], paused: set[Scope]) -> None:
        for scope, most in limits.items():
            self.limit(scope, most)
        for scope in paused:
            self.pause(scope, True)

    @rule(
        card=IDS,
        priority=st.integers(0, 1),
        phase=PHASES,
        waits=st.booleans(),
        cap=st.none() | st.integers(0, 2),
    )
    def create(
        self, card: str, priority: int, phase: str | None, waits: bool, cap: int | None
    ) -> None:
        needs = [chr(ord(card) - 1)] if waits and card > "A" else []
        fields = {"priority": priority, "phase": phase, "depends_on": needs, "max_attempts": cap}
        verb = partial(cards.create, self.session, card, "Card", **fields)
        self.same(verb, self.model.create, card, priority, phase, needs, cap)

    @rule(card=IDS)
    def delete(self, card: str) -> None:
        self.both(cards.delete, card)

    @rule(owner=OWNERS, ttl=LENGTHS)
    def claim(self, owner: str, ttl: int) -> None:
        taken = claims.claim(self.session, owner, ttl).card
        expected, _ = self.model.take(owner, ttl, None, 1)
        assert ([taken.id] if taken else []) == expected

    @rule(owner=OWNERS, ttl=LENGTHS, phase=PHASES, count=st.integers(1, 3))
    def take(self, owner: str, ttl: int, phase: str | None, count: int) -> None:
        verb = partial(claims.claim, self.session, owner, ttl, Pool(phase=phase), count)
        self.same(verb, self.model.take, owner, ttl, phase, count)

    @rule(card=IDS, owner=OWNERS, ttl=LENGTHS)
    def take_card(self, card: str, owner: str, ttl: int) -> None:
        verb = partial(claims.claim, self.session, owner, ttl, card_id=card)
        self.same(verb, self.model.take_card, card, owner, ttl)

    @rule(card=IDS, by=BY, ttl=LENGTHS)
    def complete_and_claim(self, card: str, by: Any, ttl: int) -> None:
        owner, attempt = self.claim_of(card, by)
        words = (card, owner or "w1", attempt)
        verb = partial(claims.complete_and_claim, self.session, *words, ttl=ttl)
        self.same(verb, self.model.complete_and_claim, *words, ttl)

    @rule(card=IDS, by=BY, ttl=st.none() | LENGTHS)
    def renew(self, card: str, by: Any, ttl: int | None) -> None:
        self.both(moves.renew, card, *self.claim_of(card, by), ttl)

    @rule(card=IDS, by=BY, delay=st.none() | LENGTHS, said=SAID)
    def release(self, card: str, by: Any, delay: int | None, said: tuple[Any, bool]) -> None:
        by = self.claim_of(card, by)
        report = Report(outcome=said[0], counted=said[1])
        verb = partial(moves.release, self.session, card, *by, delay=delay, report=report)
        self.same(verb, self.model.release, card, *by, delay, said)

    @rule(card=IDS, by=BY)
    def complete(self, card: str, by: Any) -> None:
        self.both(moves.complete, card, *self.claim_of(card, by))

    @rule(card=IDS, by=BY, reason=REASONS)
    def block(self, card: str, by: Any, reason: str) -> None:
        by = self.claim_of(card, by)
        verb = partial(moves.block, self.session, card, *by, reason=reason)
        self.same(verb, self.model.block, card, *by, reason)

    @rule(
        verbs=st.sampled_from(
            [
                (batches.complete_many, moves.complete),
                (batches.block_many, moves.block),
                (batches.release_many, moves.release),
                (batches.renew_many, moves.renew),
            ]
        ),
        ids=st.lists(IDS, min_size=1, unique=True),
        by=BY,
    )
    def many(self, verbs: Any, ids: list[str], by: Any) -> None:
        """Each has the outcome that it would have by itself."""
        many, one = verbs
        owner, _ = by or self.claim_of(ids[0], None)
        held = [Held(card_id, self.claim_of(card_id, by)[1]) for card_id in ids]
        outcomes = many(self.session, held, owner)
        model = getattr(self.model, one.__name__)
        more = (None,) if one is moves.renew else ()
        for card_id, attempt, outcome in zip(
            ids, [each.attempt for each in held], outcomes, strict=True
        ):
            expected = end(model, card_id, owner, attempt, *more)
            given = outcome.card.id if outcome.card else type(outcome.refusal)
            assert given == (NotFound if expected is None else expected)

    @rule(verb=st.sampled_from([moves.cancel, moves.reclaim_card]), card=IDS)
    def take_from_its_worker(self, verb: Callable[..., Any], card: str) -> None:
        self.both(verb, card)

    @rule(verb=st.sampled_from([moves.unblock, moves.reopen]), card=IDS)
    def put_back(self, verb: Callable[..., Any], card: str) -> None:
        self.both(verb, card)

    @rule(verb=st.sampled_from([moves.reclaim, pool.wake]))
    def sweep(self, verb: Callable[..., Any]) -> None:
        self.both(verb)

    @rule(card=IDS, seconds=st.none() | LENGTHS)
    def hold_back(self, card: str, seconds: int | None) -> None:
        sql = "SELECT clock_timestamp() + make_interval(secs => %s)"
        (moment,) = self.session.execute(sql, [seconds]).fetchone()
        verb = partial(cards.edit, self.session, card, not_before=moment)
        self.same(verb, self.model.hold_back, card, seconds)

    @rule(scope=PAUSED, on=st.booleans())
    def pause(self, scope: Scope, on: bool) -> None:
        if on:
            rules.pause(self.session, *scope, "freeze")
        else:
            assert (rules.resume(self.session, *scope) is not None) == (scope in self.model.pauses)
        self.model.pauses = self.model.pauses | {scope} if on else self.model.pauses - {scope}

    @rule(scope=LIMITED, most=st.integers(0, 2))
    def limit(self, scope: Scope, most: int) -> None:
        made = rules.limit(self.session, *scope, most)
        self.model.limits[scope] = most
        assert (made.most, made.used) == (most, self.model.used(scope))

    @rule(scope=LIMITED)
    def unlimit(self, scope: Scope) -> None:
        self.same(partial(rules.unlimit, self.session, *scope), self.model.unlimit, scope)

    @rule(steps=st.integers(1, 2))
    def time_passes(self, steps: int) -> None:
        """Everything that ever happened is so much longer ago."""
        with self.session.transaction():
            self.session.execute("SET LOCAL session_replication_role = replica")
            for table, columns in TIMES.items():
                moved = ", ".join(
                    f"{c} = {c} - make_interval(secs => {STEP * steps})" for c in columns
                )
                self.session.execute(f"UPDATE {table} SET {moved}")  # noqa: S608 (this file's own words)
        self.model.pass_time(STEP * steps)

    @invariant()
    def every_card_is_as_in_the_model(self) -> None:
        expected = [
            (
                *(c.id, c.status, c.owner, c.ttl, c.attempts, c.forgiven, c.held),
                *(self.model.claimable(c), c.wait is not None),
                *(c.expired if c.status == "claimed" else None, c.reason, c.blocks),
            )
            for _, c in sorted(self.model.cards.items())
        ]
        assert self.session.execute(CARDS).fetchall() == expected

    @invariant()
    def every_run_is_as_in_the_model(self) -> None:
        known = {**self.model.deleted, **self.model.cards}
        expected = [
            (i, run.attempt, run.owner, run.outcome)
            for i, card in sorted(known.items())
            for run in card.runs
        ]
        assert self.session.execute(RUNS).fetchall() == expected

    @invariant()
    def nothing_is_broken(self) -> None:
        assert broken(self.session) == []
        assert check.recount(self.session).ok

    @invariant()
    def no_claim_was_paused_or_beyond_a_limit(self) -> None:
        """As the tables have it, whatever the model thinks."""
        pauses = {(each.scope, each.name) for each in rules.pauses(self.session)}
        found = list(cards.list_cards(self.session))
        for card in found:
            if card.status == "claimed" and card.attempts > self.attempts.get(card.id, 0):
                scopes = {("fleet", ""), ("phase", card.phase), ("owner", card.claim_owner)}
                assert not scopes & pauses
        limits = rules.limits(self.session)
        for each in limits:
            assert each.used <= max(each.most, self.used.get((each.scope, each.name), each.used))
        self.attempts = {card.id: card.attempts for card in found}
        self.used = {(each.scope, each.name): each.used for each in limits}

    @rule(card=IDS)
    def explain(self, card: str) -> None:
        known = self.model.cards.get(card)
        if known is not None:
            is_held = known.wait is not None and known.wait > 0
            is_free = known.status == "ready" and not self.model.waits(known) and not is_held
            assert pool.explain(self.session, card).claimable == is_free


@pytest.mark.deep
def test_leases_and_time_are_as_in_the_model(session: PsycopgSession, monkeypatch: Any) -> None:
    monkeypatch.setenv("BACKLOG_MAX_ATTEMPTS", str(CAP))
    steps = settings(stateful_step_count=50, derandomize=True, database=None)
    run_state_machine_as_test(lambda: Leases(session), settings=steps)
