"""Attempts that take longer than their card allows end as failed, whoever works on it."""

import threading

import pytest

from backlog.verbs import cards, doctor, moves, runs
from backlog.verbs.sweep import sweep
from backlog.worker import Worker
from tests.worker import last_run, status_of

pytestmark = pytest.mark.quick


@pytest.fixture
def running(session, card, past_triggers):
    """A, which w has had for so many seconds, and renews; it may run for ten."""

    def since(seconds):
        card("A", max_runtime=10, claimed=True)
        past_triggers(f"UPDATE backlog SET status_changed_at = now() - interval '{seconds} s'")  # noqa: S608 (a number)

    return since


@pytest.mark.parametrize(("seconds", "ended"), [(5, ()), (65, ()), (75, ("A",))])
def test_a_sweep_ends_what_runs_too_long_though_it_is_renewed(session, running, seconds, ended):
    running(seconds)
    moves.renew(session, "A", "w", 1)
    assert sweep(session).overrun == ended
    assert status_of(session, "A") == ("ready" if ended else "claimed")


def test_its_run_has_failed_and_says_why(session, running):
    running(75)
    sweep(session)
    run = runs.runs(session, "A")[-1]
    assert (run.outcome, run.summary) == ("failed", "ran longer than its max_runtime of 10 s")


def test_after_its_last_attempt_it_is_blocked(session, running):
    running(75)
    cards.edit(session, "A", max_attempts=1)
    sweep(session)
    assert cards.show(session, "A").block_reason == "attempts_exhausted"


def test_who_changes_the_card_is_left_alone(session, other, running):
    running(75)
    with other.transaction():
        other.execute("SELECT FROM backlog WHERE id = 'A' FOR UPDATE")
        assert sweep(session).overrun == ()


def test_the_doctor_tells_of_it(session, running):
    running(11)
    (found,) = doctor.doctor(session).findings
    assert (found.kind, found.id, found.way_out) == ("overrun", "A", "backlog reclaim --id A")


@pytest.mark.one_tier
def test_a_function_is_told_to_end_and_has_failed(session, card):
    card("A", max_runtime=1, max_attempts=1)
    why = []

    def work(job):
        assert job.ended.wait(60)
        why.append(job.why)

    worker = Worker(work, "w", until="once", backoff=0)
    thread = threading.Thread(target=worker.run)
    thread.start()
    thread.join()
    run = last_run(session, "A")
    assert (why, run.outcome) == (["overdue"], "failed")
    assert run.summary == "ended after 1 s (the card's max_runtime)"
