"""history, why a card is blocked, and who the command says is at work."""

import json
import os
import pwd
import re

import pytest

from tests.cli import EVENT_KEYS, KEYS, refused

pytestmark = pytest.mark.one_tier


@pytest.fixture(autouse=True)
def account(monkeypatch):
    """The account that every command of these tests runs in."""
    monkeypatch.delenv("BACKLOG_OWNER", raising=False)
    monkeypatch.setenv("LOGNAME", "olga")
    monkeypatch.setenv("USER", "somebody")


@pytest.fixture
def newest_actor(call):
    """Who the newest event of card A names."""
    return lambda: call("history", "--id", "A", "--json").json[-1]["actor"]


# history ------------------------------------------------------------------------------------------


def test_history_is_an_array_of_events_oldest_first(call):
    call("create", "--id", "A", "--title", "t")
    call("claim", "--owner", "w")
    created, claimed = call("history", "--id", "A", "--json").json
    assert list(created) == list(claimed) == EVENT_KEYS
    assert list(created.values())[3:] == ["olga", "create", None, "ready", 0, None]
    assert list(claimed.values())[3:] == ["w", "claim", "ready", "claimed", 1, None]
    assert created["cardId"] == "A"
    assert created["id"] < claimed["id"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", created["at"])


def test_history_as_text_is_one_line_an_event(call):
    call("create", "--id", "A", "--title", "t")
    call("block", "--id", "A", "--note", "one\ttab\nand a line")
    lines = [line.split("\t")[1:] for line in call("history", "--id", "A").out.splitlines()]
    assert lines == [
        ["olga", "create", "-→ready", "attempt=0", "-"],
        ["olga", "block", "ready→blocked", "attempt=0", "other: one tab and a line"],
    ]


def test_the_limit_takes_the_newest(call):
    call("create", "--id", "A", "--title", "t")
    for verb in ("block", "unblock", "complete"):
        call(verb, "--id", "A")
    found = call("history", "--id", "A", "--limit", "2", "--json").json
    assert [event["verb"] for event in found] == ["unblock", "complete"]


@pytest.mark.parametrize("limit", ["0", "-1", "all"])
def test_a_limit_is_a_number_of_events(call, limit):
    assert "--limit must be" in refused(call, 2, "history", "--id", "A", "--limit", limit)


def test_an_id_that_never_was_is_not_found(call):
    assert refused(call, 1, "history", "--id", "A") == ("there is no card A, and there never was\n")
    complaint = json.loads(refused(call, 1, "history", "--id", "A", "--json"))
    assert complaint["error"]["code"] == "not_found"


def test_a_deleted_card_has_its_history(call):
    call("create", "--id", "A", "--title", "t")
    call("delete", "--id", "A")
    found = call("history", "--id", "A", "--json").json
    assert [(each["verb"], each["to"]) for each in found] == [("create", "ready"), ("delete", None)]


def test_a_card_whose_events_are_gone_has_none(call, session):
    call("create", "--id", "A", "--title", "t")
    session.execute("DELETE FROM backlog_event")
    assert call("history", "--id", "A").out == "(no history)\n"
    assert call("history", "--id", "A", "--json").out == "[]\n"


# block --------------------------------------------------------------------------------------------


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("words", "found", "said"),
    [
        (["--note", ""], ("other", None), "other"),
        (
            ["--reason", "needs_input", "--note", "which port?"],
            ("needs_input", "which port?"),
            "needs_input: which port?",
        ),
    ],
    ids=["nothing", "everything"],
)
def test_a_block_says_why(call, session, words, found, said):
    call("create", "--id", "A", "--title", "t")
    call("block", "--id", "A", *words)
    assert session.execute("SELECT block_reason, block_note FROM backlog").fetchone() == found
    assert call("history", "--id", "A", "--json").json[-1]["note"] == said


@pytest.mark.parametrize("reason", ["bored", "", "OTHER"])
def test_an_unknown_reason_is_wrong_usage(call, reason):
    call("create", "--id", "A", "--title", "t")
    line = refused(call, 2, "block", "--id", "A", "--reason", reason)
    assert "reason must be one of dependency, needs_input, capability, transient" in line


def test_a_note_that_no_database_holds_is_wrong_usage(call):
    call("create", "--id", "A", "--title", "t")
    assert "note must not contain" in refused(call, 2, "block", "--id", "A", "--note", "a\0b")


def test_a_blocked_card_has_the_keys_of_every_card(call):
    call("create", "--id", "A", "--title", "t")
    words = ("--id", "A", "--json")
    assert list(call("block", *words, "--reason", "transient").json) == KEYS
    assert list(call("show", *words).json) == KEYS


# Who acts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["complete", "block", "release"])
def test_an_owner_that_is_given_acts(call, newest_actor, verb):
    call("create", "--id", "A", "--title", "t")
    call("claim", "--owner", "w")
    call(verb, "--id", "A", "--owner", "w")
    assert newest_actor() == "w"


@pytest.mark.parametrize(
    ("owner", "login", "acts"),
    [
        (" ada ", "olga", "ada"),
        ("", "olga", "olga"),
        (" \t", "olga", "olga"),
        ("\x01\x1b", "olga", "olga"),
        ("two\nlines", "olga", "two lines"),
        ("é→\u202e!", "olga", "é→ !"),
        ("bad\udcff", "olga", "bad"),
        ("x" * 5000, "olga", "x" * 200),
        ("%s'; --", "olga", "%s'; --"),
        ("", "", "somebody"),
    ],
)
def test_the_worker_that_the_environment_names_acts_whatever_its_name(
    call, newest_actor, monkeypatch, owner, login, acts
):
    monkeypatch.setenv("BACKLOG_OWNER", owner)
    monkeypatch.setenv("LOGNAME", login)
    assert call("create", "--id", "A", "--title", "t").status == 0
    assert newest_actor() == acts


def test_where_the_environment_names_nobody_the_account_acts(call, newest_actor, monkeypatch):
    for name in ("LOGNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    call("create", "--id", "A", "--title", "t")
    assert newest_actor() == pwd.getpwuid(os.geteuid()).pw_name


@pytest.mark.both_tiers
def test_of_an_account_without_a_name_the_role_acts(call, newest_actor, session, monkeypatch):
    for name in ("LOGNAME", "USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", {}.__getitem__)
    call("create", "--id", "A", "--title", "t")
    assert newest_actor() == session.execute("SELECT session_user").fetchone()[0]


@pytest.mark.both_tiers
def test_a_process_names_its_account(command):
    command("create", "--id", "A", "--title", "t", env={"BACKLOG_OWNER": "ada"})
    (event,) = command("history", "--id", "A", "--json").json
    assert event["actor"] == "ada"
