"""Which cards a worker takes, how many at once, and when it has done enough."""

import os
import re
import signal
from contextlib import closing, contextmanager
from threading import Timer

import pytest

from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import rules
from backlog.worker.plan import DRAIN, Plan
from backlog.worker.worker import DONE
from backlog.worker.worker import work as run
from tests.worker import status_of, working

pytestmark = pytest.mark.one_tier


def test_draining_takes_what_its_own_work_makes_claimable(card, work):
    card("C", needs=["B"])
    card("B", needs=["A"])
    card("A")
    ran = work("exit 0", "--drain", "--concurrency", "3")
    assert ran.status == 0
    assert re.findall(r"what=completed card=(\w)", ran.err) == ["A", "B", "C"]


def test_draining_waits_for_nothing_that_others_hold(card, work):
    card("A", claimed=True, owner="other")
    card("B", needs=["A"])
    ran = work("exit 0", "--drain")
    assert (ran.status, "what=claimed" in ran.err) == (0, False)


def test_draining_leaves_what_failed_for_later(card, work):
    card("A")
    ran = work("exit 1", "--drain", "--backoff", "60")
    assert (ran.status, ran.err.count("what=failed")) == (0, 1)


def test_cards_run_side_by_side(card, work, tmp_path):
    """Each command waits until all four have begun."""
    for n in range(4):
        card(f"c{n}")
    script = f"cd {tmp_path}; touch $$; until [ $(ls | wc -l) = 4 ]; do sleep 0.01; done"
    assert work(script, "--drain", "--concurrency", "4").err.count("what=completed") == 4


def test_never_more_run_than_allowed(card, work):
    for n in range(8):
        card(f"c{n}")
    ran = work("sleep 0.1", "--drain", "--concurrency", "2")
    now = most = 0
    for what in re.findall(r"what=(claimed|completed)", ran.err):
        now += 1 if what == "claimed" else -1
        most = max(most, now)
    assert (most, now, ran.err.count("what=completed")) == (2, 0, 8)


@pytest.mark.parametrize(
    ("prepare", "status"),
    [
        (lambda session: None, 3),
        (lambda session: rules.pause(session, "fleet", "", "release"), 6),
        (lambda session: rules.limit(session, "owner", "w", 0), 7),
    ],
    ids=["empty", "paused", "limit"],
)
def test_once_says_why_there_was_no_card(session, card, work, prepare, status):
    card("A", claimed=status == 3)
    prepare(session)
    assert work("exit 0", "--once").status == status


def test_once_takes_one_card(session, card, work):
    card("A")
    card("B")
    assert work("exit 0", "--once").status == 0
    assert (status_of(session, "A"), status_of(session, "B")) == ("done", "ready")


def test_a_worker_takes_cards_of_its_phase_and_role_only(session, card, work):
    card("A", phase="M1", role="coder")
    card("B", phase="M1", role="tester")
    card("C", phase="M2", role="coder")
    work("exit 0", "--drain", "--phase", "M1", "--role", "coder")
    assert [status_of(session, i) for i in "ABC"] == ["done", "ready", "ready"]


def test_a_waiting_worker_takes_what_comes(session, card):
    with working("exit 0") as worker:
        worker.says("what=waiting reason=empty")
        card("A")
        worker.says("what=completed card=A")


def test_a_paused_worker_waits_and_goes_on(session, card):
    rules.pause(session, "fleet", "", "release")
    card("A")
    with working("exit 0") as worker:
        worker.says("what=waiting reason=paused")
        assert status_of(session, "A") == "ready"
        rules.resume(session, "fleet", "")
        worker.says("what=completed card=A")


class Counting(PsycopgSession):
    """Counts what it is asked."""

    asked = trips = 0

    def execute(self, sql, params=()):
        Counting.asked += 1
        return super().execute(sql, params)

    def rows(self, sql, params=()):
        Counting.asked += 1
        return super().rows(sql, params)

    def trip(self, *statements):
        Counting.trips += 1
        return super().trip(*statements)


@contextmanager
def counting():
    with closing(storage.from_environment().connect()) as connection:
        yield Counting(connection)


def test_every_completion_brings_the_next_card_in_its_own_trip(session, card):
    for n in range(3):
        card(f"c{n}", needs=[f"c{n - 1}"] if n else [])
    assert run(counting, Plan("w", ["/bin/true"], {}, until=DRAIN)) == DONE
    assert [status_of(session, f"c{n}") for n in range(3)] == ["done"] * 3
    assert Counting.trips == 2  # nobody waits for the last one: one statement does both


def test_ten_threads_that_wait_ask_as_seldom_as_one(store):
    plan = Plan("w", ["true"], {}, concurrency=10)
    Timer(2, os.kill, (os.getpid(), signal.SIGTERM)).start()
    assert run(counting, plan) == DONE
    assert 4 <= Counting.asked <= 24  # two statements a look
