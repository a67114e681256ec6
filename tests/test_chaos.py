"""A fleet in trouble ends with every acknowledged word kept: see `tests/chaos`.

BACKLOG_CHAOS_SECONDS says for how long (`make chaos`: five minutes), BACKLOG_CHAOS_SEED how.
"""

import os
import random
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from backlog.store.embedded import Store
from backlog.verbs import cards, moves
from tests.budget import seconds
from tests.chaos.driver import CLOCK, Chaos, Place, fleet
from tests.chaos.verdict import unfinished, verdict
from tests.command import On
from tests.plugin import TIER
from tests.servers import Server

SECONDS = float(os.environ.get("BACKLOG_CHAOS_SECONDS") or seconds(bounded=8, full=300))
SEED = int(os.environ.get("BACKLOG_CHAOS_SEED") or random.randrange(10**6))  # noqa: S311 (not a secret)
PATIENCE = 180  # seconds; a hang fails the test instead of the run


@pytest.fixture
def embedded_place(store_root: Path) -> Place:
    """An embedded store of its own, which whoever connects starts again."""
    env = _first_use(BACKLOG_DATA_DIR=str(store_root))
    return Place(env, Store(store_root).data_dir, lambda: None)


@pytest.fixture
def server_place(server: Server) -> Place:
    """A server of its own, which is started again after a while."""
    env = _first_use(DATABASE_URL=server.url)
    return Place(env, server.data, lambda: (time.sleep(1), server.revive()))


def _first_use(**env: str) -> dict[str, str]:
    """Make the schema there; the environment that leads to it."""
    on = On(**env)
    assert on("list").status == 0
    return on.env


@pytest.fixture
def chaos(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Chaos]:
    made = Chaos(request.getfixturevalue(f"{TIER}_place"), SEED, tmp_path)
    yield made
    made.end_all()


@pytest.mark.deep
def test_chaos_loses_nothing_that_was_acknowledged(chaos, capsys):
    """Workers, backends and the postmaster die by kill -9, cards are cancelled, claims paused."""
    fleet(chaos, SEED)
    chaos.rage(SECONDS, lambda: _is_enough(chaos), SECONDS + PATIENCE)
    chaos.end("creator")
    chaos.settle(PATIENCE)
    assert chaos.ask(unfinished) == [], f"seed {SEED}"

    _unblock_until_all_is_done(chaos)
    chaos.end_all()
    assert chaos.complaints() == [], f"seed {SEED}"
    said = chaos.acknowledged()
    assert chaos.ask(lambda session: verdict(session, said)) == [], f"seed {SEED}"
    told, strikes = Counter(entry["what"] for entry in said), Counter(chaos.strikes)
    with capsys.disabled():
        print(f"\n{TIER}, seed {SEED}: {dict(told)}, {dict(strikes)}")  # noqa: T201 (how bad it was)


def _unblock_until_all_is_done(chaos: Chaos) -> None:
    deadline = time.monotonic() + PATIENCE
    while blocked := chaos.ask(lambda session: list(cards.list_cards(session, "blocked"))):
        assert time.monotonic() < deadline, blocked
        for card in blocked:
            chaos.ask(lambda session, card_id=card.id: moves.unblock(session, card_id))
        chaos.settle(PATIENCE)
    assert {card.status for card in chaos.ask(lambda session: list(cards.list_cards(session)))} == {
        "done"
    }


def _is_enough(chaos: Chaos) -> bool:
    """Whether there was any chaos at all, and any work in it, by workers of each kind."""
    said = chaos.acknowledged()
    completed = Counter(entry["owner"][0] for entry in said if entry["what"] == "completed")
    return min(*(completed[kind] for kind in "wcf"), len(chaos.strikes)) > SECONDS / 4


# The judge of it ----------------------------------------------------------------------------------

HELD = {"card": "A", "attempt": 1, "owner": "w"}
FORGED = {
    "a claim that is not stored": {**HELD, "what": "claimed", "attempt": 2},
    "a claim of somebody else's": {**HELD, "what": "claimed", "owner": "v"},
    "a completion of what was released": {**HELD, "what": "completed"},
    "a refusal of what was done": {**HELD, "what": "refused", "tried": "released"},
    "a renewal after the end": {**HELD, "what": "renewed", "time": "2100-01-01T00:00:00+00:00"},
    "a card that is not stored": {"what": "created", "card": "B"},
}


@pytest.fixture
def released(session: Any, card: Any) -> None:
    """What w did with A: one claim, given back."""
    card("A", claimed=True)
    moves.release(session, "A", "w", 1)


@pytest.mark.one_tier
@pytest.mark.usefixtures("released")
@pytest.mark.parametrize("entry", FORGED.values(), ids=FORGED)
def test_the_verdict_finds(entry, session):
    true = [{**HELD, "what": "claimed"}, {**HELD, "what": "released"}]
    assert verdict(session, true) == []
    assert verdict(session, [*true, entry]) != []


@pytest.mark.one_tier
@pytest.mark.usefixtures("released")
def test_the_verdict_finds_a_claim_that_two_were_given(session):
    assert len(verdict(session, [{**HELD, "what": "claimed"}] * 2)) == 1


@pytest.mark.one_tier
@pytest.mark.usefixtures("released")
def test_the_verdict_finds_an_attempt_that_is_lost(session):
    session.execute("DELETE FROM backlog_ended_run")
    assert [what for what, _ in verdict(session, [])] == ["an attempt lost"]


# Clocks -------------------------------------------------------------------------------------------


@pytest.mark.deep
@pytest.mark.one_tier
@pytest.mark.parametrize("hours", [-30, 30])
def test_the_clock_of_a_worker_is_nobody_s(hours, session, card, command):
    """A lease lasts as long by a clock that is a day ahead or behind as by the right one."""
    card("A")
    wrong = {"PYTHONPATH": str(CLOCK), "CHAOS_CLOCK_HOURS": str(hours)}
    ran = command("work", "--owner", "w", "--ttl", "5", "--once", "--", "sleep", "7", env=wrong)
    sql = "SELECT outcome, now() - ended_at < '1 minute', now()::date FROM backlog_ended_run"
    ((outcome, is_now, today),) = session.execute(sql).fetchall()
    assert (ran.status, outcome, is_now) == (0, "completed", True)
    assert f"at={today}" not in ran.err  # its log is the one thing that its clock is for
