"""Zombies, heartbeats and locks: a worker acts for the attempt that it holds, and for no other.

Each test is a thing that broke another backlog, which its docstring quotes.
"""

import subprocess
import sys
import time

import pytest

from backlog.errors import Cancelled, ClaimLost
from backlog.verbs import cards, claims, moves, runs
from backlog.verbs.pool import Pool
from tests.command import PROJECT
from tests.workers import Background

WORDS = {
    "complete": moves.complete,
    "complete and claim the next": claims.complete_and_claim,
    "block": moves.block,
    "release": moves.release,
    "renew": moves.renew,
}
WAYS_OF_LOSS = {
    "expiry": lambda s, pass_time: (pass_time(61), moves.reclaim(s)),
    "reclaim by id": lambda s, _: moves.reclaim_card(s, "A"),
    "release by the operator": lambda s, _: moves.release(s, "A"),
    "update by hand": lambda s, _: s.execute("UPDATE backlog SET status = 'ready'"),
}


# Zombies ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("second", ["v", "w"], ids=["another worker", "its own name again"])
@pytest.mark.parametrize("lose", WAYS_OF_LOSS.values(), ids=WAYS_OF_LOSS)
@pytest.mark.parametrize("say", WORDS.values(), ids=WORDS)
def test_zombie_workers_complete_a_card_that_was_re_claimed(
    say, lose, second, session, card, claimed, rows, pass_time
):
    """Peers: "Zombie workers complete a card that was re-claimed"."""
    card("next", priority=-1)
    lose(session, pass_time)
    claims.claim(session, second, card_id="A")
    before = rows()
    with pytest.raises(ClaimLost):
        say(session, "A", "w", 1)
    assert rows() == before


def test_a_zombie_process_completes_a_card_that_was_re_claimed(session, claimed, command):
    """Peers: "Zombie workers complete …": a process that was told its attempt long ago."""
    told = {"BACKLOG_OWNER": "w", "BACKLOG_CARD_ID": "A", "BACKLOG_ATTEMPT": "1"}
    moves.reclaim_card(session, "A")
    again = claims.claim(session, "w").card
    assert [command(verb, env=told).status for verb in ("renew", "complete", "release")] == [4] * 3
    assert cards.show(session, "A") == again


@pytest.mark.parametrize("end", ["complete", "block", "cancel", "delete"])
def test_zombie_workers_complete_a_card_that_was_ended_without_them(end, session, claimed, call):
    """Peers: "Zombie workers complete …": there is no claim any more, so nothing to complete."""
    call(end, "--id", "A")
    before = cards.find(session, "A")
    with pytest.raises(ClaimLost):
        moves.complete(session, "A", "w", 1)
    assert cards.find(session, "A") == before


def test_a_zombie_that_waits_for_the_reclaim_to_commit_is_refused(
    session, other, sessions, claimed
):
    """Peers: "Zombie workers complete …", when both are at it in the same moment."""
    with other.transaction():
        moves.reclaim_card(other, "A")
        claims.claim(other, "v", card_id="A")
        zombie = Background(sessions(), moves.complete, "A", "w", 1)
        assert zombie.waits()
    assert isinstance(zombie.error(), ClaimLost)
    assert cards.show(session, "A").claim_owner == "v"


def test_an_attempt_of_an_id_that_was_deleted_and_used_again_is_over(session, claimed, card):
    """Peers: "Zombie workers complete …": not even when the card is another one of the same id."""
    cards.delete(session, "A")
    card("A")
    again = claims.claim(session, "w").card
    assert again.attempts == 2
    with pytest.raises(ClaimLost):
        moves.complete(session, "A", "w", 1)


# Heartbeats ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("lose", WAYS_OF_LOSS.values(), ids=WAYS_OF_LOSS)
def test_reclaim_that_does_not_stop_the_worker(lose, session, claimed, pass_time):
    """Peers: "Reclaim that does not stop the worker": its next heartbeat tells it to."""
    lose(session, pass_time)
    with pytest.raises(ClaimLost, match="stop working"):
        moves.renew(session, "A", "w", 1)


def test_cancel_that_does_not_stop_the_worker(session, claimed):
    """Peers: "Reclaim that does not stop the worker": nor does what was called off go on."""
    moves.cancel(session, "A")
    moves.unblock(session, "A")
    again = claims.claim(session, "v").card
    with pytest.raises(Cancelled, match="stop working"):
        moves.renew(session, "A", "w", 1)
    assert cards.show(session, "A") == again


TAKES = {
    "claim": lambda s, ttl: claims.claim(s, "v", ttl).card,
    "claim by id": lambda s, ttl: claims.claim(s, "v", ttl, card_id="A").card,
    "claim of a pool": lambda s, ttl: claims.claim(s, "v", ttl, Pool(phase="M1"), 2).card,
    "complete and claim the next": lambda s, ttl: claims.complete_and_claim(s, "B", "v", ttl=ttl),
}


@pytest.fixture
def held_before(session, card, pass_time):
    """A ready card whose last attempt ended by expiry, and B, which v holds."""
    card("B", priority=1)
    card("A", phase="M1", claimed=True, ttl=60)
    moves.renew(session, "A", "w", 1, ttl=30)
    pass_time(3600)
    moves.reclaim(session)
    claims.claim(session, "v", 86_400, card_id="B")


@pytest.mark.parametrize("take", TAKES.values(), ids=TAKES)
def test_a_fresh_claim_that_inherits_the_old_heartbeat_and_is_killed(
    take, session, held_before, left, pass_time
):
    """Peers: "A fresh claim that inherits the old heartbeat and is killed", and "TTL settings
    accepted but inert": each claim ends when it said, no earlier.
    """
    take(session, 40)
    assert moves.reclaim(session) == []
    assert 30 < left() <= 40
    pass_time(35)
    assert moves.reclaim(session) == []
    pass_time(5)
    assert moves.reclaim(session) == ["A"]


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE backlog SET claim_owner = 'v' WHERE id = 'A'",
        "UPDATE backlog SET claim_owner = 'v', attempts = attempts + 1 WHERE id = 'A'",
        "UPDATE backlog SET attempts = attempts + 1 WHERE id = 'A'",
    ],
)
def test_a_takeover_by_hand_that_inherits_the_old_heartbeat(sql, session, claimed, pass_time, left):
    """Peers: "A fresh claim that inherits the old heartbeat …": not even one that names no time."""
    pass_time(59)
    session.execute(sql)
    before, now = runs.runs(session, "A")
    assert 50 < left() <= 60
    assert before.ended_at <= now.started_at


@pytest.mark.parametrize(("ttl", "lasts"), [(None, 60), (5, 5), (3600, 3600)])
def test_a_heartbeat_that_does_not_extend_the_ttl(ttl, lasts, session, claimed, pass_time, left):
    """Peers: "A heartbeat that does not extend the TTL": it counts from the heartbeat."""
    pass_time(59)
    moves.renew(session, "A", "w", 1, ttl)
    assert lasts - 5 < left() <= lasts
    assert moves.reclaim(session) == []


def test_the_ttl_of_a_renewal_accepted_but_inert(session, claimed, pass_time):
    """Peers: "TTL settings accepted but inert": the renewal's counts, also for the next one."""
    moves.renew(session, "A", "w", 1, ttl=200)
    pass_time(190)
    assert moves.renew(session, "A", "w", 1).claim_ttl_seconds == 200
    pass_time(190)
    assert moves.reclaim(session) == []
    pass_time(10)
    assert moves.reclaim(session) == ["A"]


def test_one_tool_call_longer_than_the_ttl(session, sessions, card):
    """Peers: "One tool call longer than the TTL": three ttls, with a heartbeat at each third."""
    card("A", claimed=True, ttl=1)
    sweeper = Background(sessions(), _sweep_until, time.monotonic() + 3.5)
    for _ in range(9):
        time.sleep(1 / 3)
        moves.renew(session, "A", "w", 1)
    assert moves.complete(session, "A", "w", 1).status == "done"
    assert sweeper.result() == []


def _sweep_until(session, end):
    found = []
    while time.monotonic() < end:
        found += moves.reclaim(session)
        time.sleep(0.01)
    return found


# Locks --------------------------------------------------------------------------------------------

ENDS = {
    "complete": lambda s: moves.complete(s, "A", "w", 1),
    "block": lambda s: moves.block(s, "A", "w", 1),
    "release": lambda s: moves.release(s, "A", "w", 1),
    "cancel": lambda s: moves.cancel(s, "A"),
    "reclaim": lambda s: moves.reclaim_card(s, "A"),
    "update by hand": lambda s: s.execute("UPDATE backlog SET status = 'blocked'"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_locks_that_outlive_their_runs(end, session, claimed):
    """Peers: "Locks that outlive their runs": the lock is the open run itself."""
    end(session)
    card = cards.show(session, "A")
    assert (card.claim_owner, card.claim_ttl_seconds, card.claimed_at) == (None, None, None)
    assert [run.ended_at is None for run in runs.runs(session, "A")] == [False]


def test_release_that_leaves_the_lock(session, sessions, claimed):
    """Peers: "`release` that leaves the lock": another claims the card in the next moment."""
    moves.release(session, "A", "w", 1)
    assert claims.claim(sessions(), "v").card.id == "A"


HOLD = """
import sys
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import claims

session = PsycopgSession(storage.from_environment().connect())
with session.transaction():
    claims.claim(session, "w")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_locks_that_outlive_their_process(session, card):
    """Peers: "Locks that outlive their runs": killed with -9 in the middle of a claim."""
    card("A")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", HOLD], cwd=PROJECT, text=True, **pipes) as worker:
        assert worker.stdout.readline() == "held\n"
        worker.kill()
    assert claims.claim(session, "v").card.attempts == 1
