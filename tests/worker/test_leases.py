"""A lease is kept for as long as the command takes, and never believed for longer."""

import os
import shlex
import signal
import sys
import time
from pathlib import Path

import pytest

from backlog.verbs import cards, claims, moves, runs
from tests.worker import alive, begun, last_run, status_of, until, working

pytestmark = pytest.mark.one_tier

OF_ITS_OWN = "import os; os.setpgid(0, 0); os.execlp('sleep', 'sleep', '1000')"
# Says its number and a child's that moves to a process group of its own, and heeds no SIGTERM.
STUBBORN = f"""
trap '' TERM
{shlex.quote(sys.executable)} -c "{OF_ITS_OWN}" &
echo "pids $$ $!" >&2
while :; do sleep 1; done"""


def test_a_command_may_take_longer_than_its_lease(session, card):
    card("A")
    with begun("sleep 3", "--ttl", "1", "--once") as worker:
        while status_of(session, "A") == "claimed":
            assert moves.reclaim(session) == []
            time.sleep(0.05)
        assert worker.ends() == 0
    assert [run.outcome for run in runs.runs(session, "A")] == ["completed"]


def test_neither_output_nor_input_holds_a_renewal_up(session, card):
    """It floods a reader that never reads, and reads nothing of a card of a megabyte."""
    card("A", body="x" * 1_000_000)
    with working("yes & sleep 1000", "--ttl", "1", stdout=-1) as worker:  # PIPE, unread
        worker.says("what=claimed")
        for _ in range(60):
            assert moves.reclaim(session) == []
            time.sleep(0.05)
        worker.send(signal.SIGKILL)


def test_a_lost_lease_ends_the_command_and_everything_it_started(session, card):
    card("A")
    with begun(STUBBORN, "--ttl", "6", "--grace", "1", "--once") as worker:
        # The lease is long enough for a busy machine not to lose it before it is taken.
        leader, child = map(int, worker.says(r"pids (\d+) (\d+)\n").groups())
        until(lambda: os.getpgid(child) == child)  # which killing the first group would miss
        moves.reclaim_card(session, "A")
        worker.says("what=lost")
        assert not alive(leader)
        assert not alive(child)
        assert worker.ends() == 1
    assert [run.outcome for run in runs.runs(session, "A")] == ["released"]


def test_nothing_is_written_for_a_lost_card(session, card):
    card("A")
    with begun("sleep 1000", "--ttl", "1", "--once") as worker:
        moves.reclaim_card(session, "A")
        other = claims.claim(session, "other").card
        worker.says("what=lost")
        worker.ends()
    assert cards.find(session, "A") == other


def test_the_worker_goes_on_with_the_next_card_after_a_loss(session, card):
    card("A")
    card("B", priority=-1)
    with begun("[ $BACKLOG_CARD_ID = B ] || sleep 1000", "--ttl", "1") as worker:
        claims_of_a = moves.reclaim_card(session, "A")
        claims.claim(session, "other", card_id="A")
        worker.says("what=completed card=B")
    assert claims_of_a == ["A"]


def test_a_cancelled_card_ends_its_command(session, card):
    card("A")
    with begun("sleep 1000", "--ttl", "1", "--once") as worker:
        moves.cancel(session, "A", reason="not needed")
        worker.says("what=cancelled card=A attempt=1")
        assert worker.ends() == 1
    assert last_run(session, "A").outcome == "cancelled"


def test_a_zombie_cannot_complete_a_card_that_was_claimed_again(session, card):
    """Its worker is stopped for longer than the lease, while the command comes to its end."""
    card("A")
    with begun("sleep 1", "--ttl", "1", "--once") as worker:
        worker.send(signal.SIGSTOP)
        until(lambda: moves.reclaim(session) == ["A"])
        again = claims.claim(session, "w").card
        worker.send(signal.SIGCONT)
        worker.says("what=(lost|expired)")
        assert worker.ends() == 1
    assert cards.find(session, "A") == again


def test_a_renewal_that_hangs_does_not_keep_the_command_alive(session, sessions, card):
    """Somebody keeps the card locked for longer than its lease lasts."""
    card("A")
    with begun("sleep 1000", "--ttl", "1", "--once") as worker:
        locking = sessions()
        with locking.transaction():
            locking.execute("SELECT FROM backlog WHERE id = 'A' FOR UPDATE")
            child = children(worker.pid)[0]
            until(lambda: not alive(child), "the end of the command")
        worker.says("what=(expired|lost)")


def test_an_attempt_begins_with_nothing_of_the_attempt_before(card, work):
    card("A")
    stale = {"BACKLOG_CARD_PHASE": "old", "BACKLOG_ATTEMPT": "9", "BACKLOG_CARD_ID": "Z"}
    script = "env | grep ^BACKLOG_ | grep -v JSON; exit $((BACKLOG_ATTEMPT < 3))"
    ran = work(script, "--drain", "--backoff", "0", env=stale)
    assert "BACKLOG_CARD_PHASE" not in ran.out
    assert [n for n in (1, 2, 3) if f"BACKLOG_ATTEMPT={n}\n" in ran.out] == [1, 2, 3]


def children(pid: int) -> list[int]:
    """The processes that one of its threads has started."""
    listed = Path(f"/proc/{pid}/task").glob("*/children")
    return [int(child) for path in listed for child in path.read_text().split()]
