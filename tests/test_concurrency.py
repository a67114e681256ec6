"""Verbs at the same moment: what a claim finds, who waits for whom, and that no cycle slips in."""

import json
import time
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from typing import Any

import psycopg
import pytest
from django.db import connection, transaction

from backlog.errors import Busy, Cycle, DuplicateId
from backlog.models import Card
from backlog.session import PsycopgSession, pauses
from backlog.verbs import batches, cards, claims, moves, transfer
from backlog.verbs.batches import Held
from backlog.verbs.pool import ANY_CARD, EVERYTHING
from tests.workers import Background, claim_card, claim_first, cycles

LOCK_A = "SELECT FROM backlog WHERE id = 'A' FOR UPDATE"


# Nothing to claim, or only nothing that is free? -----------------------------------------------


def test_a_claim_takes_the_next_card_when_the_first_is_locked(session, other, card):
    card("A", priority=1)
    card("B")
    with other.transaction():
        other.execute(LOCK_A)
        assert claims.claim(session, "w").card.id == "B"


def test_a_claim_gets_the_only_card_when_its_lock_is_given_up(other, sessions, card):
    card("A")
    with other.transaction():
        other.execute(LOCK_A)
        claim = Background(sessions(), claim_first, "w")
        time.sleep(0.1)
        assert not claim.ended
        raise psycopg.Rollback
    assert claim.result().id == "A"


def test_a_claim_of_what_another_claim_took_meanwhile_is_none(other, sessions, card):
    card("A")
    with other.transaction():
        claims.claim(other, "first")
        claim = Background(sessions(), claim_first, "second")
        time.sleep(0.1)
        assert not claim.ended
    assert claim.result() is None


class Looking:
    """All cards, at which a claim looks as long as somebody holds the advisory lock 7."""

    def condition(self):
        return EVERYTHING

    def next_to_claim(self, *how):
        sql, params = ANY_CARD.next_to_claim(*how)
        looks = "(SELECT pg_advisory_xact_lock_shared(7) IS NOT NULL)"
        return sql.replace(" WHERE ", f" WHERE {looks} AND "), params


def test_a_card_that_changes_between_a_claim_s_look_and_its_lock_is_claimed_as_it_is_then(
    session, sessions, card
):
    """And it is the only one that the claim locks: what it takes instead would be out of order."""
    card("A", priority=1)
    card("B")
    gate, one = sessions(), sessions()
    with one.transaction():
        with gate.transaction():
            gate.execute("SELECT pg_advisory_xact_lock(7)")
            claim = Background(one, claims.claim, "w", 900, Looking())
            assert claim.waits()  # it has its snapshot
            cards.edit(session, "A", title="Changed")
        claimed = claim.result().card
        assert (claimed.id, claimed.title, claimed.attempts) == ("A", "Changed", 1)
        assert claims.claim(session, "w").card.id == "B"


def test_a_claim_of_what_is_locked_for_ever_is_busy(session, other, card, monkeypatch):
    monkeypatch.setattr(claims, "MOST_TRIES", 5)
    card("A")
    with other.transaction():
        other.execute(LOCK_A)
        with pytest.raises(Busy):
            claims.claim(session, "w")


def test_a_claim_that_may_not_look_again_spoils_nothing_of_the_transaction_around_it(
    session, sessions, card, monkeypatch
):
    """An old snapshot shows A as claimable for ever; what the caller did before still counts."""
    monkeypatch.setattr(claims, "MOST_TRIES", 2)
    card("A")
    card("B", needs=["X"])
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        session.execute("UPDATE backlog SET body = 'Before' WHERE id = 'B'")
        claims.claim(sessions(), "first")
        with pytest.raises(Busy):
            claims.claim(session, "w")
    assert cards.show(session, "B").body == "Before"


def test_a_claim_looks_for_about_ten_seconds():
    assert 6 < sum(pauses(claims.MOST_TRIES)) < 12


def test_a_locked_card_that_waits_is_nothing_to_claim(session, other, card):
    card("A", needs=["B"])
    with other.transaction():
        other.execute(LOCK_A)
        assert claims.claim(session, "w").card is None


# A claim by id waits, then decides ---------------------------------------------------------------


def test_a_claim_by_id_gets_the_card_if_its_change_is_undone(other, sessions, card):
    card("A")
    with other.transaction():
        moves.block(other, "A")
        claim = Background(sessions(), claim_card, "A", "w")
        assert claim.waits()
        raise psycopg.Rollback
    assert claim.result().claim_owner == "w"


@pytest.mark.parametrize("verb", [moves.block, moves.complete, cards.delete])
def test_a_claim_by_id_is_none_if_the_card_has_left_the_pool(verb, other, sessions, card):
    card("A")
    with other.transaction():
        verb(other, "A")
        claim = Background(sessions(), claim_card, "A", "w")
        assert claim.waits()
    assert claim.result() is None


@pytest.mark.parametrize(
    ("before", "change", "owner"), [("ready", moves.complete, "w"), ("done", moves.reopen, None)]
)
def test_a_claim_by_id_waits_for_who_finishes_or_reopens_the_last_dependency(
    before, change, owner, other, sessions, card
):
    card("B", status=before)
    card("A", needs=["B"])
    with other.transaction():
        change(other, "B")
        claim = Background(sessions(), claim_card, "A", "w")
        assert claim.waits()
    taken = claim.result()
    assert (taken and taken.claim_owner) == owner


def test_of_two_claims_by_id_one_wins(sessions, card):
    card("A")
    both = [Background(sessions(), claim_card, "A", f"w{n}") for n in range(2)]
    assert sorted(claim.result() is None for claim in both) == [False, True]


# Leases -------------------------------------------------------------------------------------------

EXPIRE = "UPDATE backlog SET claimed_at = now() - interval '1 hour' WHERE id = %s"


def test_an_expired_card_that_is_being_renewed_is_left_to_its_holder(session, sessions, claimed):
    session.execute(EXPIRE, ["A"])
    holder = sessions()
    with holder.transaction():
        moves.renew(holder, "A", "w", 1)
        assert moves.reclaim(session) == []
    assert moves.reclaim(session) == []


def test_of_two_reclaims_each_card_is_returned_by_one(session, sessions, card):
    for n in range(20):
        card(f"c{n}")
        claims.claim(session, "w")
        session.execute(EXPIRE, [f"c{n}"])
    both = [Background(sessions(), moves.reclaim) for _ in range(2)]
    assert sorted(both[0].result() + both[1].result()) == sorted(f"c{n}" for n in range(20))


# Creating the same thing twice --------------------------------------------------------------------


@pytest.mark.parametrize(("undone", "card_id"), [(False, "A"), (True, "B")])
def test_of_two_creates_with_one_key_the_second_finds_what_has_come_of_the_first(
    undone, card_id, sessions, store
):
    first = sessions()
    with first.transaction():
        cards.create(first, "A", "First", idempotency_key="k")
        second = Background(sessions(), _create_with_key, "B")
        assert second.waits()
        if undone:
            raise psycopg.Rollback
    assert second.result().id == card_id


def test_of_two_creates_with_one_id_the_second_is_refused(sessions, store):
    first = sessions()
    with first.transaction():
        cards.create(first, "A", "First")
        second = Background(sessions(), cards.create, "A", "Second")
        assert second.waits()
    with pytest.raises(DuplicateId):
        second.result()


def _create_with_key(session: PsycopgSession, card_id: str) -> Any:
    return cards.create(session, card_id, "Second", idempotency_key="k")


# Cycles -------------------------------------------------------------------------------------------


def _edit(session: PsycopgSession, card_id: str, dependency_id: str) -> None:
    cards.edit(session, card_id, depends_on=[dependency_id])


def _create(session: PsycopgSession, card_id: str, dependency_id: str) -> None:
    cards.create(session, card_id, "New", depends_on=[dependency_id])


def _import(session: PsycopgSession, card_id: str, dependency_id: str) -> None:
    line = {"id": card_id, "title": "Imported", "dependsOn": [dependency_id]}
    transfer.import_cards(session, [json.dumps(line).encode()], update=True)


Change = Callable[[PsycopgSession, str, str], Any]
CHANGES: list[Change] = [cards.link, _edit, _create, _import]


@pytest.fixture
def half_a_ring(card: Any) -> Callable[[Change, Change], None]:
    """B waits for C, D for A. A ring is closed by A → B and C → D, which share no card."""

    def make(first: Change, second: Change) -> None:
        card("B", needs=["C"])
        card("D", needs=["A"])
        for card_id, change in (("A", first), ("C", second)):
            if change is not _create:
                card(card_id)

    return make


@pytest.mark.parametrize("second", CHANGES)
@pytest.mark.parametrize("first", CHANGES)
def test_two_changes_that_close_a_ring_together_cannot_both_commit(
    first, second, sessions, half_a_ring
):
    half_a_ring(first, second)
    one = sessions()
    with one.transaction():
        first(one, "A", "B")
        other = Background(sessions(), second, "C", "D")
        assert other.waits()
    with pytest.raises(Cycle):
        other.result()
    assert cycles(one) == []


def test_they_could_without_the_lock_on_the_graph(sessions, half_a_ring, monkeypatch):
    monkeypatch.setattr(cards, "lock_graph", lambda session: None)
    half_a_ring(cards.link, cards.link)
    one = sessions()
    with one.transaction():
        cards.link(one, "A", "B")
        Background(sessions(), cards.link, "C", "D").result()
    assert cycles(one) == ["A", "B", "C", "D"]


def test_a_link_goes_on_when_the_one_against_it_is_undone(sessions, half_a_ring):
    half_a_ring(cards.link, cards.link)
    one = sessions()
    with one.transaction():
        cards.link(one, "A", "B")
        other = Background(sessions(), cards.link, "C", "D")
        assert other.waits()
        raise psycopg.Rollback
    assert other.result().dependencies == ["D"]


@pytest.mark.parametrize("ring", ["ABA", "ABCA"])
def test_of_links_in_a_ring_one_is_refused(ring, sessions, card):
    for card_id in ring[1:]:
        card(card_id)
    links = [Background(sessions(), cards.link, *link) for link in pairwise(ring)]
    ends = [link.error() for link in links]
    assert [type(end) for end in ends if end is not None] == [Cycle]
    assert cycles(sessions()) == []


# Deadlocks and serialization failures stay inside the verb ----------------------------------------


def _wait_for_both(session: PsycopgSession, card_id: str) -> Any:
    return cards.create(session, "N", "New", depends_on=[card_id, "X"])


def _link(session: PsycopgSession, card_id: str) -> Any:
    return cards.link(session, "X", card_id)


def _import_done(session: PsycopgSession, card_id: str) -> Any:
    line = {"id": card_id, "status": "done"}
    return transfer.import_cards(session, [json.dumps(line).encode()], update=True)


def _complete_many(session: PsycopgSession, card_id: str) -> Any:
    return batches.complete_many(session, [Held(card_id)])[0].card


@pytest.mark.parametrize(
    "verb", [moves.complete, _complete_many, _import_done, _wait_for_both, _link]
)
def test_a_deadlock_is_not_shown(verb, sessions, card):
    """The verb holds A and wants X, the other holds X and wants A; the verb is the victim."""
    card("A")
    card("X", needs=["A"] if verb is not _link else [])
    other, mine = sessions(), sessions()
    other.execute("SET deadlock_timeout = '30s'")
    mine.execute("SET deadlock_timeout = '1s'")
    with other.transaction():
        other.execute("UPDATE backlog SET body = 'mine' WHERE id = 'X'")
        running = Background(mine, verb, "A")
        assert running.waits()
        other.execute("UPDATE backlog SET body = 'mine' WHERE id = 'A'")
    assert running.result() is not None


def test_a_deadlock_inside_an_atomic_block_costs_only_the_verb(
    other, sessions, card, django_db_blocker
):
    card("A")
    card("X", needs=["A"])
    other.execute("SET deadlock_timeout = '30s'")
    with django_db_blocker.unblock():
        with other.transaction():
            other.execute("UPDATE backlog SET body = 'mine' WHERE id = 'X'")
            running = Background(sessions(), _create_and_complete)
            while not other.execute("SELECT FROM pg_locks WHERE NOT granted").fetchall():
                assert not running.ended
            other.execute("UPDATE backlog SET body = 'mine' WHERE id = 'A'")
        assert running.result() == ("done", "done")


def _create_and_complete(_: PsycopgSession) -> tuple[str, str]:
    with closing(connection), transaction.atomic():
        kept = Card.objects.create(id="K", title="Kept")
        done = Card.objects.complete("A")
        return Card.objects.complete(kept.id).status, done.status


@pytest.mark.parametrize("verb", [moves.block, moves.release, moves.renew])
def test_a_serialization_failure_is_not_shown(verb, session, sessions, claimed):
    other, mine = sessions(), sessions()
    mine.execute("SET default_transaction_isolation = 'repeatable read'")
    with other.transaction():
        other.execute("UPDATE backlog SET body = 'changed' WHERE id = 'A'")
        running = Background(mine, verb, "A")
        assert running.waits()
    assert running.result().body == "changed"
