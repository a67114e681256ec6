"""tail, runs, and the exports of what happened."""

import json
import os
import signal
import time
from contextlib import contextmanager

import pytest

from tests.cli import EVENT_KEYS, refused
from tests.command import On
from tests.servers import Server, wheel_programs

pytestmark = pytest.mark.one_tier


@contextmanager
def following(*words, env=os.environ):
    """A `tail --follow` whose lines are read as they come."""
    with On(**env).start("tail", "--follow", *words) as process:
        try:
            yield process
        finally:
            process.kill()


def _card_ids(lines):
    return [json.loads(line)["cardId"] for line in lines]


# tail ---------------------------------------------------------------------------------------------


def test_tail_shows_the_newest_of_all_cards_oldest_first(call, card):
    for card_id in "ABC":
        card(card_id)
    call("claim", "--owner", "w")
    lines = call("tail", "--limit", "2", "--json").out.splitlines()
    assert [(e["cardId"], e["verb"]) for e in map(json.loads, lines)] == [
        ("C", "create"),
        ("A", "claim"),
    ]
    assert list(json.loads(lines[0])) == EVENT_KEYS
    card_id, _, *fields = call("tail", "--limit", "1").out.split("\t")
    assert (card_id, fields[:3]) == ("A", ["w", "claim", "ready→claimed"])


def test_tail_of_nothing(call):
    assert call("tail") == (0, "(no events)\n", "")
    assert call("tail", "--json") == (0, "", "")


@pytest.mark.parametrize("limit", ["-1", "x", "", "1e3"])
def test_a_limit_that_is_no_number_is_wrong_usage(call, limit):
    refused(call, 2, "tail", f"--limit={limit}")


@pytest.mark.both_tiers
def test_following_goes_on_with_what_happens(call, card):
    card("A")
    with following("--json", "--limit", "1") as process:
        assert _card_ids([process.stdout.readline()]) == ["A"]
        for card_id in "BC":
            card(card_id)
        assert _card_ids([process.stdout.readline() for _ in "BC"]) == ["B", "C"]


@pytest.mark.both_tiers
@pytest.mark.parametrize(("sig", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, -15)])
def test_following_ends_quietly_when_told_to(card, sig, status):
    card("A")
    with following() as process:
        process.stdout.readline()
        process.send_signal(sig)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == status


def test_following_ends_when_nobody_reads_any_more(card):
    card("A")
    with following() as process:
        process.stdout.readline()
        process.stdout.close()
        assert process.wait(20) == 0, "no event was needed to notice"
        assert process.stderr.read() == ""


@pytest.mark.deep
@pytest.mark.one_tier
def test_following_outlives_a_restart_of_the_database():
    server = Server(wheel_programs()).start()
    on = On(**server.env)
    try:
        on("create", "--id", "A", "--title", "T")
        with following("--json", env=server.env) as process:
            assert _card_ids([process.stdout.readline()]) == ["A"]
            server.pause()
            assert "; trying again" in process.stderr.readline()
            time.sleep(1)
            server.resume()
            on("create", "--id", "B", "--title", "T")
            assert _card_ids([process.stdout.readline()]) == ["B"]
            assert process.stderr.readline() == "the database is back\n"
    finally:
        server.stop()


# runs ---------------------------------------------------------------------------------------------


def test_runs_tell_of_every_attempt(call, claimed):
    call(
        "release", "--id", "A", "--owner", "w", "--failed", "--summary", "no luck", "--tokens", "7"
    )
    call("claim", "--owner", "v")
    first, second = call("runs", "--id", "A", "--json").json
    assert list(first) == [
        "cardId", "attempt", "owner", "startedAt", "endedAt", "outcome", "summary", "result",
        "tokens", "cost",
    ]  # fmt: skip
    assert (first["attempt"], first["outcome"], first["summary"]) == (1, "failed", "no luck")
    assert (second["owner"], second["endedAt"], second["outcome"]) == ("v", None, None)
    assert call("runs", "--id", "A", "--limit", "1", "--json").json == [second]
    lines = call("runs", "--id", "A").out.splitlines()
    assert [line.split("\t")[:3] + line.split("\t")[5:] for line in lines] == [
        ["attempt=1", "w", "failed", "no luck", "tokens=7"],
        ["attempt=2", "v", "open", "-"],
    ]


@pytest.mark.both_tiers
def test_what_a_run_reports_keeps_every_digit(call, claimed):
    result = '{"n":12345678901234567890.10,"s":"é"}'
    call("complete", "--id", "A", "--owner", "w", "--result", result, "--cost", "0.10",
         "--tokens", "9007199254740993")  # fmt: skip
    out = call("runs", "--id", "A", "--json").out
    assert '"n": 12345678901234567890.10' in out
    assert '"tokens":9007199254740993,"cost":0.10' in out


def test_a_card_without_runs_and_one_that_does_not_exist(call, card):
    card("A")
    assert call("runs", "--id", "A") == (0, "(no runs)\n", "")
    assert call("runs", "--id", "A", "--json").out == "[]\n"
    assert call("runs", "--id", "B").status == 1


# export -------------------------------------------------------------------------------------------


@pytest.mark.both_tiers
def test_export_of_events_has_every_one_oldest_first(call, card):
    for card_id in "AB":
        card(card_id)
    call("complete", "--id", "B")
    call("delete", "--id", "A")
    events = [json.loads(line) for line in call("export", "--events").out.splitlines()]
    assert [(event["cardId"], event["verb"]) for event in events] == [
        ("A", "create"), ("B", "create"), ("B", "complete"), ("A", "delete"),
    ]  # fmt: skip
    assert list(events[0]) == EVENT_KEYS


@pytest.mark.both_tiers
def test_export_of_runs_has_every_one_that_is_over(call, claimed):
    assert call("export", "--runs").out == ""
    call("complete", "--id", "A", "--owner", "w")
    (line,) = call("export", "--runs").out.splitlines()
    assert json.loads(line)["outcome"] == "completed"
