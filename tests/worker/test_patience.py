"""A command that takes too long is ended, and its card is given back as failed."""

import pytest

from backlog.worker import patience
from backlog.worker.patience import Patience
from tests.worker import last_run, status_of

pytestmark = pytest.mark.one_tier


@pytest.mark.parametrize(
    ("option", "script", "why"),
    [
        ("--max-runtime", "while :; do echo busy; sleep 0.1; done", "ended after 1 s"),
        ("--stall", "echo begun; sleep 60", "ended, as it printed nothing for 1 s"),
        ("--max-runtime", "trap 'exit 0' TERM; while :; do sleep 0.1; done", "ended after 1 s"),
    ],
    ids=["runs on", "prints nothing", "exits well when told to"],
)
def test_it_is_ended_as_failed(session, card, work, option, script, why):
    card("A")
    ran = work(script, "--once", option, "1", "--backoff", "0")
    assert (ran.status, status_of(session, "A")) == (1, "ready")
    run = last_run(session, "A")
    assert run.outcome == "failed"
    assert run.summary.startswith(f"{why} ({option}): ")
    assert f'ending="{run.summary}' in ran.err


@pytest.mark.parametrize("options", [(), ("--max-runtime", "60")], ids=["alone", "the smaller"])
def test_a_command_is_ended_after_what_its_card_allows(session, card, work, options):
    card("A", max_runtime=1)
    assert work("sleep 60", "--once", "--backoff", "0", *options).status == 1
    assert last_run(session, "A").summary.startswith("ended after 1 s (the card's max_runtime): ")


def test_a_command_that_prints_now_and_then_does_not_stall(session, card, work):
    card("A")
    work("for n in 1 2 3 4; do echo $n; sleep 0.4; done", "--once", "--stall", "1")
    assert status_of(session, "A") == "done"


def test_what_the_machine_slept_does_not_count(monkeypatch):
    clock = iter([0, 0.2, 10_000, 10_000.2, 10_000.4])
    monkeypatch.setattr(patience, "now", lambda: next(clock))
    waits = Patience(2, 2)
    assert [waits.look(0) for _ in range(4)] == [False] * 4


@pytest.mark.parametrize("option", ["--max-runtime", "--stall"])
@pytest.mark.parametrize("seconds", ["0", "-1", "x", "1.5"])
def test_seconds_that_are_none_are_refused(call, option, seconds):
    ran = call("work", "--owner", "w", f"{option}={seconds}", "--", "true")
    assert (ran.status, ran.err.count("\n")) == (2, 1)
