"""What a worker is asked, and what it refuses before it claims anything."""

import json
import re

import pytest

from tests.worker import status_of

pytestmark = pytest.mark.one_tier


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--owner", "w"], "say what to run"),
        (["--owner", "w", "--"], "say what to run"),
        (["--owner", "w", "true"], "say what to run"),
        (["--owner", "w", "--", "no-such-program"], "no-such-program cannot be run"),
        (["--owner", "w", "--", "/etc/passwd"], "/etc/passwd cannot be run"),
        (["--owner", "w", "--ttl", "0", "--", "true"], "--ttl must be between 1"),
        (["--owner", "w", "--ttl", "-5", "--", "true"], "--ttl must be between 1"),
        (["--owner", "w", "--concurrency", "0", "--", "true"], "--concurrency must be between 1"),
        (["--owner", "w", "--concurrency", "101", "--", "true"], "must be at most 100"),
        (["--owner", "w", "--grace", "-1", "--", "true"], "--grace must be between 0"),
        (["--owner", " ", "--", "true"], "--owner must not be blank"),
        (["--owner", "w", "--phase", "", "--", "true"], "--phase must not be blank"),
        (["--owner", "w", "--once", "--drain", "--", "true"], "give one of the two"),
        (["--", "true"], "required: --owner"),
    ],
)
def test_a_mistake_is_one_line_and_claims_nothing(session, card, call, words, said):
    card("A")
    ran = call("work", *words)
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert said in ran.err
    assert status_of(session, "A") == "ready"


def test_the_command_s_words_are_its_own(card, command):
    card("A")
    script = ["sh", "-c", 'printf "%s|" "$@"', "x", "--json", "--id", "-1", "--", "--owner"]
    ran = command("work", "--owner", "w", "--once", "--", *script)
    assert ran.out.rstrip("\n") == "--json|--id|-1|--|--owner|"
    assert ran.err.startswith("at=")


def test_the_log_is_a_line_a_transition(card, command):
    card("A")
    ran = command("work", "--owner", "w", "--once", "--", "true")
    claimed, completed = ran.err.splitlines()
    time = r"at=\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
    assert re.fullmatch(rf"{time} owner=w what=claimed card=A attempt=1 ttl=900", claimed)
    assert re.fullmatch(rf"{time} owner=w what=completed card=A attempt=1 took=[\d.]+", completed)


def test_the_log_may_be_json(card, command):
    card("A")
    ran = command("work", "--owner", "w", "--json", "--once", "--", "sh", "-c", "exit 3")
    lines = [json.loads(line) for line in ran.err.splitlines()]
    assert [line["what"] for line in lines] == ["claimed", "failed"]
    assert lines[1]["ending"] == "exit status 3"


def test_a_program_that_turns_out_not_to_run_burns_no_card(session, card, command, tmp_path):
    card("A", max_attempts=1)
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    program.chmod(0o755)
    ran = command("work", "--owner", "w", "--", str(program))
    assert ran.status == 1
    assert f"cannot start {program}: Exec format error" in ran.err
    assert status_of(session, "A") == "ready"
