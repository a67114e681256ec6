"""How a command ends says what becomes of its card."""

import json
import re
import shlex

import pytest

from backlog.verbs import cards
from tests.command import MANAGE, PROJECT
from tests.worker import last_run, status_of

pytestmark = pytest.mark.one_tier

BACKLOG = shlex.join([*MANAGE, "backlog"])
SAID = '{"summary":"did it","result":{"n":[1.50,"ü"]},"tokens":12345678901,"cost":0.25}'


@pytest.fixture
def once(command):
    """Runs a worker for one card, by a shell script."""

    def run(script, *options, **more):
        return command("work", "--owner", "w", "--once", *options, "--", "sh", "-c", script, **more)

    return run


def test_a_command_that_succeeds_completes_its_card(session, card, once):
    card("A")
    assert once("exit 0").status == 0
    assert status_of(session, "A") == "done"
    assert last_run(session, "A")[:3] == ("A", 1, "w")
    assert last_run(session, "A").outcome == "completed"


def test_the_last_json_object_on_stdout_is_what_the_run_keeps(session, card, once):
    card("A")
    ran = once(
        f"echo '{{\"summary\":\"early\"}}'; echo '{SAID}'; echo bye; echo '{{no'; echo '[1]'"
    )
    run = last_run(session, "A")
    assert (run.summary, run.tokens, str(run.cost)) == ("did it", 12345678901, "0.250000")
    assert run.result == '{"n": [1.50, "ü"]}'
    assert ran.out.endswith("bye\n{no\n[1]\n")


def test_values_that_cannot_be_used_are_ignored_and_the_card_is_done(session, card, once):
    card("A")
    said = {"summary": 5, "result": {"a": "\0"}, "tokens": -1, "cost": "much", "note": "\ud800"}
    ran = once(f"printf '%s' '{json.dumps(said)}'")
    run = last_run(session, "A")
    assert (ran.status, run.outcome) == (0, "completed")
    assert run[6:] == (None, None, None, None)
    assert ran.err.count("what=ignored") == 5


def test_a_failure_gives_the_card_back_after_a_while_and_says_how_it_ended(session, card, once):
    card("A")
    ran = once("echo one >&2; echo 'no such file' >&2; exit 3", "--backoff", "100")
    run, now = last_run(session, "A"), cards.find(session, "A")
    assert (ran.status, status_of(session, "A")) == (1, "ready")
    assert (run.outcome, run.summary) == ("failed", "exit status 3: no such file")
    assert 50 <= (now.not_before - run.ended_at).total_seconds() <= 101


def test_a_death_by_signal_is_a_failure_and_is_named(session, card, once):
    card("A")
    assert once("kill -9 $$").status == 1
    assert last_run(session, "A").summary == "killed by SIGKILL"


def test_a_failure_keeps_what_it_cost(session, card, once):
    card("A")
    once("""echo '{"summary":"half of it","tokens":7,"cost":1}'; exit 1""")
    run = last_run(session, "A")
    assert (run.outcome, run.tokens, int(run.cost)) == ("failed", 7, 1)
    assert run.summary == "exit status 1: half of it"


def test_a_temporary_failure_does_not_count_towards_the_cap(session, card, once):
    card("A", max_attempts=2)
    for _ in range(3):
        assert once("echo 'rate limit' >&2; exit 75", "--backoff", "0").status == 1
    run = last_run(session, "A")
    assert (status_of(session, "A"), run.attempt) == ("ready", 3)
    assert (run.outcome, run.summary) == ("released", "exit status 75: rate limit")


def test_failures_at_the_cap_block_the_card(session, card, once):
    card("A", max_attempts=2)
    ran = [once("exit 1", "--backoff", "0") for _ in range(2)]
    assert "blocked=attempts_exhausted" in ran[1].err
    assert cards.find(session, "A").block_reason == "attempts_exhausted"
    assert once("exit 1").status == 3


def test_exit_status_78_asks_for_a_person(session, card, once):
    card("A")
    assert once("echo 'which grammar?' >&2; exit 78").status == 1
    now = cards.find(session, "A")
    assert (now.status, now.block_reason, now.block_note) == (
        "blocked",
        "needs_input",
        "which grammar?",
    )
    assert last_run(session, "A").outcome == "blocked"


def test_a_block_may_say_its_reason_and_a_note(session, card, once):
    card("A")
    once("""echo '{"blockReason":"capability","note":"needs a GPU"}'; exit 78""")
    now = cards.find(session, "A")
    assert (now.block_reason, now.block_note) == ("capability", "needs a GPU")


def test_a_card_that_the_command_completed_itself_is_completed(session, card, once):
    card("A")
    ran = once(f"{BACKLOG} complete --id A --owner w --attempt 1")
    assert (ran.status, status_of(session, "A")) == (0, "done")


def test_a_card_that_the_command_gave_back_itself_is_left_alone(session, card, once):
    card("A")
    ran = once(f"{BACKLOG} release --id A --owner w --attempt 1")
    assert (ran.status, status_of(session, "A")) == (1, "ready")
    assert "what=lost" in ran.err


def test_the_example_of_the_documentation_works(session, card, command):
    card("A", body="three small words")
    card("B")
    example = (PROJECT / "examples" / "worker").read_text()
    shown = re.search(r"```python\n(.*?)```", (PROJECT / "docs" / "workers.md").read_text(), re.S)
    command("work", "--owner", "w", "--drain", "--", str(PROJECT / "examples" / "worker"))
    assert shown[1] in example
    assert last_run(session, "A").summary == "3 words"
    assert cards.find(session, "B").block_note == "say in the body what to count"
