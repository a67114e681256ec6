"""What breaks the peers: deadlocks that nothing shows, commands that disagree on readiness."""

import json
import random
import shlex

import pytest

from backlog.verbs import cards, claims, moves, pool
from backlog.verbs.doctor import everything
from backlog.verbs.stuck import CYCLE
from backlog.web.queries.board import board


def _cards(session):
    """The record alone, as `{id: (status, dependencies, held)}`."""
    sql = "SELECT id, status, depends_on, coalesce(not_before > now(), false) FROM backlog"
    return {row[0]: row[1:] for row in session.execute(sql).fetchall()}


def _claimable(record):
    """By the contract: ready, not held back, and every dependency exists and is done."""
    return {
        card_id
        for card_id, (status, needs, held) in record.items()
        if status == "ready" and not held
        and all(needed in record and record[needed][0] == "done" for needed in needs)
    }  # fmt: skip


def _in_vain(record):
    """By working the backlog off: what is neither blocked nor ever done."""
    done = {card_id for card_id, (status, *_) in record.items() if status in ("done", "claimed")}
    while more := {
        card_id
        for card_id, (status, needs, _) in record.items()
        if status == "ready" and card_id not in done and done.issuperset(needs)
    }:
        done |= more
    return {
        card_id
        for card_id, (status, *_) in record.items()
        if card_id not in done and status == "ready"
    }


SEEDS = [*range(5), *(pytest.param(seed, marks=pytest.mark.one_tier) for seed in range(5, 25))]


@pytest.fixture(params=SEEDS)
def tangle(request, session):
    """Cards of every status, with dependencies at random: missing ones and cycles among them."""
    chance = random.Random(request.param)  # noqa: S311 (not a secret)
    size = chance.choice([3, 10, 40])
    ids = [f"c{number}" for number in range(size)]
    for card_id in ids:
        cards.create(session, card_id, "T", priority=chance.randrange(3),
                     phase=chance.choice([None, "M1", "M2"]))  # fmt: skip
    for card_id in ids:
        others = [other for other in [*ids, "missing"] if other != card_id]
        backwards = [other for other in others if other < card_id]
        some = others if chance.random() < 0.1 else backwards  # by chance in a circle
        needs = chance.sample(some, min(len(some), chance.choice([0, 1, 1, 2])))
        sql = "UPDATE backlog SET depends_on = %s WHERE id = %s"
        session.execute(sql, (json.dumps(needs), card_id))
    for card_id in ids:
        fate = chance.random()
        if fate < 0.35:
            moves.complete(session, card_id)
        elif fate < 0.42:
            moves.block(session, card_id)
        elif fate < 0.5:
            claims.claim(session, "w", card_id=card_id)
        elif fate < 0.55:
            cards.delete(session, card_id, force=True)
        elif fate < 0.6:
            sql = "UPDATE backlog SET not_before = now() + interval '1 hour' WHERE id = %s"
            session.execute(sql, (card_id,))


def test_four_commands_that_disagree_on_readiness(session, tangle, call):
    """Claim, list, explain, stats and board agree, and they agree with the contract."""
    record = _cards(session)
    expected = _claimable(record)
    assert {each["id"] for each in call("list", "--ready-only", "--json").json} == expected
    assert {i for i in record if pool.explain(session, i).claimable} == expected
    assert board(session).totals["ready"] == len(expected)
    ready = sum(status == "ready" for status, *_ in record.values())
    assert pool.stats(session).counts["ready"] == ready
    stuck = {each.id for each in everything(session)}
    assert not stuck & expected, "the doctor despairs of a card that can be claimed"
    claimed = set()
    while card := claims.claim(session, "all").card:
        claimed.add(card.id)
    assert claimed == expected


def test_silent_deadlock_on_a_blocked_archived_or_missing_parent(session, tangle, call):
    """Every card that never goes on is found, no other is, each with its cause and a way out."""
    record = _cards(session)
    found = {each.id: each for each in everything(session)}
    blocked = {card_id for card_id, (status, *_) in record.items() if status == "blocked"}
    assert set(found) == blocked | _in_vain(record)
    for each in found.values():
        if each.kind not in ("blocked", "exhausted", CYCLE):
            root = record.get(each.because)
            assert root is None or root[0] == "blocked" or found[each.because].kind == CYCLE
    assert_that_ways_out_lead_out(session, call)


def assert_that_ways_out_lead_out(session, call):
    """Followed one after the other they end with nothing stuck, and never by force."""
    session.execute("DELETE FROM backlog WHERE status = 'claimed'")
    for _ in range(200):
        found = list(everything(session))
        if not found:
            break
        words = shlex.split(found[0].way_out)[1:]
        assert "--force" not in words
        assert call(*words).status == 0, found[0]
    assert list(everything(session)) == []
