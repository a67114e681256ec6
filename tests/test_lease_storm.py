"""Every verb about claims, by many processes at once: what one snapshot after the other shows."""

from collections import Counter
from typing import Any

import pytest

from backlog.session import PsycopgSession
from backlog.verbs import check, rules
from tests.budget import seconds
from tests.chaos.verdict import verdict
from tests.invariants import broken
from tests.lease_storm import IDS, LIMIT, PHASE, create
from tests.workers import Background, together

SECONDS = seconds(bounded=4, full=60)
PROCESSES = 6
ENOUGH = 20  # claims, acknowledged ends and snapshots, each


@pytest.fixture
def storm(session: PsycopgSession) -> Background:
    """What the processes told, when they are through."""
    for card_id in IDS:
        create(session, card_id)
    rules.limit(session, "phase", PHASE, LIMIT)
    words = ("tests.lease_storm", "storm", str(SECONDS))
    return Background(session, lambda _: together(PROCESSES, *words))


@pytest.mark.deep
def test_no_snapshot_shows_a_claim_without_its_run_or_a_limit_exceeded(storm, sessions):
    watcher = sessions()
    seen: Counter[Any] = Counter()
    while not storm.ended:
        seen[_snapshot(watcher)] += 1
    said = [entry for each in storm.result() for entry in each]
    told = Counter(entry["what"] == "claimed" for entry in said)

    assert {wrong for wrong, _ in seen} == {()}
    assert 0 < max(running for _, running in seen) <= LIMIT
    assert verdict(watcher, said) == []
    assert min(told[True], told[False], seen.total()) > ENOUGH, (told, seen.total())


def _snapshot(session: PsycopgSession) -> tuple[tuple[Any, ...], int]:
    """What is broken in it, and how much of the phase is claimed."""
    sql = "SELECT count(*) FROM backlog WHERE status = 'claimed' AND phase = %s"
    with session.transaction():
        session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        wrong = broken(session)
        wrong += [] if (found := check.recount(session)).ok else [tuple(map(str, found))]
        (running,) = session.execute(sql, [PHASE]).fetchone()
        return tuple(wrong), running
