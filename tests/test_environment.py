"""A setting that is not understood is refused, and never taken for off."""

import os
import re

import pytest

from fleet_backlog.environment import Environment
from tests.command import manage, storeless
from tests.test_docs import README

pytestmark = pytest.mark.one_tier

SECONDS = "X must be a number of seconds above 0, a day at most"

# Of each setting of the README a bad value, and what reads it.
BAD = {
    "BACKLOG_URL": ("ftp://b", "backlog list"),
    "BACKLOG_TOKEN": ("no token", "backlog list"),
    "BACKLOG_DATA_DIR": ("~of-nobody/store", "backlog list"),
    "BACKLOG_POSTGRES_BIN": ("/nowhere", "backlog store status"),
    "BACKLOG_OWNER": ("a\tb", "backlog claim"),
    "BACKLOG_CARD_ID": (" ", "backlog show"),
    "BACKLOG_ATTEMPT": ("first", "backlog complete --id A --owner w"),
    "BACKLOG_STORE": ("mine", "backlog list"),
    "BACKLOG_MAX_ATTEMPTS": ("many", "backlog reclaim"),
    "BACKLOG_ROLES_DIR": ("/nowhere", "backlog roles"),
    "BACKLOG_NORTH_STAR": ("/nowhere", "backlog north-star"),
    "BACKLOG_ENFORCE_ROLES": ("maybe", "backlog list"),
    "BACKLOG_OUTPUT": ("maybe", "backlog work --owner w -- true"),
    "BACKLOG_ESCALATE_SECONDS": ("soon", "backlog sweep"),
    "BACKLOG_GATE_SECONDS": ("soon", "backlog doctor"),
    "BACKLOG_RETENTION_DAYS": ("-1", "backlog sweep"),
    "BACKLOG_ARCHIVE_DAYS": ("-1", "backlog sweep"),
    "BACKLOG_PUBLIC_BOARD": ("maybe", "check"),
    "BACKLOG_POLL_SECONDS": ("often", "check"),
    "BACKLOG_METRICS_TOKEN": ("short", "check"),
    "BACKLOG_METRICS_FROM": ("prometheus", "check"),
    "BACKLOG_LOGS": ("xml", "check"),
    "BACKLOG_REPLICA_LAG": ("little", "check"),
    "BACKLOG_REPLICA_URL": ("mysql://h/d", "check"),
    "BACKLOG_WEBHOOKS_PRIVATE": ("maybe", "backlog webhook add http://h --events card.blocked"),
    "BACKLOG_TRANSFER_TO": ("cards", "backlog store transfer"),
}

# What is read only beside another.
BESIDE = {"BACKLOG_TOKEN": {"BACKLOG_URL": "http://127.0.0.1:1"}}


@pytest.mark.parametrize("name", re.findall(r"^\| `(BACKLOG_\w+)` \|", README, re.M))
def test_a_bad_value_is_refused_by_the_name_of_its_variable(store, name):
    value, words = BAD[name]
    ran = manage({**os.environ, **BESIDE.get(name, {}), name: value}, *words.split())
    assert (ran.out, ran.err.count("\n")) == ("", 1)
    assert re.match(f"{name}(=/nowhere)? (must|names|has no) ", ran.err)
    assert ran.status != 0


@pytest.mark.parametrize("name", ["BACKLOG_ENFORCE_ROLES", "BACKLOG_WEBHOOKS_PRIVATE"])
def test_a_site_does_not_start_with_a_switch_that_its_sweeps_would_refuse(store, name):
    ran = manage({**os.environ, name: "yes"}, "check")
    assert (ran.status, ran.out, ran.err) == (1, "", f"{name} must be off or on, not yes\n")


@pytest.mark.parametrize(
    ("said", "means"),
    [("on", True), ("True", True), (" 1 ", True), ("off", False), ("No", False), ("", None)],
)
def test_a_switch_is_on_or_off(monkeypatch, said, means):
    monkeypatch.setitem(Environment.ENVIRON, "HTTPS", said)
    assert Environment().bool("HTTPS", default=None) is means


@pytest.mark.parametrize(
    ("cast", "said", "refused"),
    [
        ("bool", "jein", "X must be on or off, not jein"),
        ("bool", "2", "X must be on or off, not 2"),
        ("int", "x", "X must be a whole number, 0 or more, not x"),
        ("int", "1.5", "X must be a whole number, 0 or more, not 1.5"),
        ("int", "-1", "X must be a whole number, 0 or more, not -1"),
        ("float", "\x1b[1m", rf"{SECONDS}, not \x1b[1m"),
        ("float", "0", f"{SECONDS}, not 0"),
        ("float", "nan", f"{SECONDS}, not nan"),
        ("float", "inf", f"{SECONDS}, not inf"),
    ],
)
def test_what_is_not_understood_is_refused(monkeypatch, cast, said, refused):
    monkeypatch.setitem(Environment.ENVIRON, "X", said)
    with pytest.raises(SystemExit) as refusal:
        getattr(Environment(), cast)("X", default=None)
    assert refusal.value.code == refused


def test_a_process_says_it_in_a_line():
    env = {**storeless(), "HTTPS": "jein"}
    assert manage(env, "check") == (1, "", "HTTPS must be on or off, not jein\n")
