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
COST = '{"summary":"half of it","tokens":7,"cost":1}'
ASKS = '{"blockReason":"capability","note":"needs a GPU"}'


def test_a_command_that_succeeds_completes_its_card(session, card, work):
    card("A")
    assert work("exit 0", "--once").status == 0
    assert status_of(session, "A") == "done"
    assert last_run(session, "A")[:3] == ("A", 1, "w")
    assert last_run(session, "A").outcome == "completed"


def test_a_gated_card_goes_into_review_and_the_worker_goes_on(session, card, work):
    card("A", gated=True)
    card("B", needs=["A"])
    card("C")
    ran = work("exit 0", "--drain")
    assert (ran.status, last_run(session, "A").outcome) == (0, "completed")
    assert "what=completed card=A" in ran.err
    assert [status_of(session, each) for each in "ABC"] == ["blocked", "ready", "done"]


def test_the_last_json_object_on_stdout_is_what_the_run_keeps(session, card, work):
    card("A")
    early = '{"summary":"early"}'
    ran = work(f"echo '{early}'; echo '{SAID}'; echo bye; echo '{{no'; echo '[1]'", "--once")
    run = last_run(session, "A")
    assert (run.summary, run.tokens, str(run.cost)) == ("did it", 12345678901, "0.250000")
    assert run.result == '{"n": [1.50, "ü"]}'
    assert ran.out.endswith("bye\n{no\n[1]\n")


def test_values_that_cannot_be_used_are_ignored_and_the_card_is_done(session, card, work):
    card("A")
    said = {"summary": 5, "result": {"a": "\0"}, "tokens": -1, "cost": "much", "note": "\ud800"}
    ran = work(f"printf '%s' '{json.dumps(said)}'", "--once")
    run = last_run(session, "A")
    assert (ran.status, run.outcome) == (0, "completed")
    assert run[6:] == (None, None, None, None)
    assert ran.err.count("what=ignored") == 5


@pytest.mark.parametrize("said", ['"result":1e131072', '"cost":99999999999999.9999999'])
def test_a_number_that_cannot_be_kept_loses_no_other_word(session, card, work, said):
    card("A")
    ran = work(f'echo \'{{"summary":"did it","tokens":5,{said}}}\'', "--once")
    run = last_run(session, "A")
    assert (ran.err.count("what=ignored"), run.summary, run.tokens) == (1, "did it", 5)


def test_a_failure_gives_the_card_back_after_a_while_and_says_how_it_ended(session, card, work):
    card("A")
    ran = work("echo one >&2; echo 'no such file' >&2; exit 3", "--backoff", "100", "--once")
    run, now = last_run(session, "A"), cards.find(session, "A")
    assert (ran.status, status_of(session, "A")) == (1, "ready")
    assert (run.outcome, run.summary) == ("failed", "exit status 3: no such file")
    assert 50 <= (now.not_before - run.ended_at).total_seconds() <= 101


@pytest.mark.parametrize(
    ("script", "summary", "cost"),
    [
        ("kill -9 $$", "killed by SIGKILL", (None, None)),
        (f"echo '{COST}'; exit 1", "exit status 1: half of it", (7, 1)),
    ],
    ids=["by a signal", "with what it cost"],
)
def test_a_failure_says_how_it_ended_and_what_it_cost(session, card, work, script, summary, cost):
    card("A")
    assert work(script, "--once").status == 1
    run = last_run(session, "A")
    assert (run.outcome, run.summary, (run.tokens, run.cost)) == ("failed", summary, cost)


def test_a_temporary_failure_does_not_count_towards_the_cap(session, card, work):
    card("A", max_attempts=2)
    for _ in range(3):
        assert work("echo 'rate limit' >&2; exit 75", "--backoff", "0", "--once").status == 1
    run = last_run(session, "A")
    assert (status_of(session, "A"), run.attempt) == ("ready", 3)
    assert (run.outcome, run.summary) == ("released", "exit status 75: rate limit")


def test_failures_at_the_cap_block_the_card(session, card, work):
    card("A", max_attempts=2)
    ran = [work("exit 1", "--backoff", "0", "--once") for _ in range(2)]
    assert "blocked=attempts_exhausted" in ran[1].err
    assert cards.find(session, "A").block_reason == "attempts_exhausted"
    assert work("exit 1", "--once").status == 3


@pytest.mark.parametrize(
    ("script", "reason", "note"),
    [
        ("echo 'which grammar?' >&2; exit 78", "needs_input", "which grammar?"),
        (f"echo '{ASKS}'; echo bye >&2; exit 78", "capability", "needs a GPU"),
    ],
    ids=["needs input", "as it said"],
)
def test_exit_status_78_blocks_the_card(session, card, work, script, reason, note):
    card("A")
    assert work(script, "--once").status == 1
    now = cards.find(session, "A")
    assert (now.status, now.block_reason, now.block_note) == ("blocked", reason, note)
    run = last_run(session, "A")
    assert (run.outcome, run.summary) == ("blocked", f"exit status 78: {note}")


@pytest.mark.parametrize(
    ("verb", "status", "becomes", "said"),
    [("complete", 0, "done", "what=completed"), ("release", 1, "ready", "what=lost")],
)
def test_what_the_command_did_itself_stands(session, card, work, verb, status, becomes, said):
    card("A")
    ran = work(f"{BACKLOG} {verb} --id A --owner w --attempt 1", "--once")
    assert (ran.status, status_of(session, "A")) == (status, becomes)
    assert said in ran.err


def test_the_example_of_the_documentation_works(session, card, command):
    card("A", body="three small words")
    card("B", title="Two words")
    example = (PROJECT / "examples" / "worker").read_text()
    shown = re.search(r"```python\n(.*?)```", (PROJECT / "docs" / "workers.md").read_text(), re.S)
    command("work", "--owner", "w", "--drain", "--", str(PROJECT / "examples" / "worker"))
    assert shown[1] in example
    assert last_run(session, "A").summary == "3 words"
    assert last_run(session, "B").summary == "2 words"
