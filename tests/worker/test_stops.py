"""Signals: the end of a worker that is asked to end, and of one that is not asked."""

import signal
import time

import pytest

from backlog.verbs import moves, runs
from tests.worker import alive, begun, last_run, status_of, until, working

pytestmark = pytest.mark.one_tier


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_an_idle_worker_stops_at_once(store, number):
    with working("exit 0", "--grace", "1000") as worker:
        worker.says("waiting reason=empty")
        worker.send(number)
        assert worker.ends() == 0


def test_a_running_command_may_finish_and_no_other_begins(session, card):
    card("A", priority=1)
    card("B")
    with begun("sleep 1") as worker:
        worker.send(signal.SIGTERM)
        assert worker.ends() == 0
    assert (status_of(session, "A"), runs.runs(session, "B")) == ("done", [])


def test_after_the_grace_the_command_is_ended_and_its_card_given_back(session, card):
    card("A", max_attempts=1)
    with working("echo pid=$$ >&2; trap '' TERM; sleep 1000", "--grace", "1") as worker:
        pid = int(worker.says(r"pid=(\d+)")[1])
        worker.send(signal.SIGTERM)
        worker.says("what=stopping")
        assert worker.ends() == 0
    run = last_run(session, "A")
    assert not alive(pid)
    assert (status_of(session, "A"), run.outcome) == ("ready", "released")
    assert run.summary == "the worker was stopped"


def test_a_second_signal_gives_the_card_back_at_once(session, card):
    card("A")
    with begun("trap '' TERM; sleep 1000", "--grace", "1000") as worker:
        worker.send(signal.SIGTERM)
        worker.says("what=stopping")
        worker.send(signal.SIGTERM)
        assert worker.ends() == 0
    assert (status_of(session, "A"), last_run(session, "A").outcome) == ("ready", "released")


def test_a_card_given_back_can_be_claimed_at_once(session, card):
    card("A")
    with begun("sleep 1000", "--grace", "0") as worker:
        worker.send(signal.SIGTERM)
        assert worker.ends() == 0
    with working("exit 0", "--once") as another:
        assert another.ends() == 0


def test_the_lease_is_kept_during_the_grace(session, card):
    card("A")
    with begun("sleep 3", "--ttl", "1", "--once") as worker:
        worker.send(signal.SIGTERM)
        while status_of(session, "A") == "claimed":
            assert moves.reclaim(session) == []
            time.sleep(0.05)
        assert worker.ends() == 0
    assert status_of(session, "A") == "done"


def test_the_card_of_a_killed_worker_comes_back_by_expiry_and_nothing_else_is_touched(
    session, card
):
    card("A", priority=1)
    card("B")
    with begun("sleep 1000", "--ttl", "2") as worker:
        worker.send(signal.SIGKILL)
        worker.ends()
    assert (status_of(session, "A"), moves.reclaim(session)) == ("claimed", [])
    until(lambda: moves.reclaim(session) == ["A"], "the expiry")
    assert last_run(session, "A").outcome == "expired"
    assert status_of(session, "B") == "ready"
