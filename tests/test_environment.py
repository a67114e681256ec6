"""A setting that is not understood is refused, and never taken for off."""

import os
import re

import pytest
from django.core.management import CommandError, call_command

from backlog.cli.parser import parse
from backlog.errors import UsageError
from backlog.store import storage
from fleet.enforced import are_enforced
from fleet_backlog.environment import Environment
from hooks import addresses
from tests import plugin
from tests.command import manage, storeless
from tests.test_docs import README

pytestmark = pytest.mark.one_tier

SECONDS = "X must be a number of seconds above 0, a day at most"

# Of each setting of the README a bad value, and what reads it.
BAD = {
    "BACKLOG_URL": ("ftp://b", "backlog list"),
    "BACKLOG_TOKEN": ("no token", "backlog list"),
    "BACKLOG_PLAIN_HTTP": ("maybe", "backlog list"),
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
BESIDE = {
    "BACKLOG_TOKEN": {"BACKLOG_URL": "http://127.0.0.1:1"},
    "BACKLOG_PLAIN_HTTP": {"BACKLOG_URL": "http://b", "BACKLOG_TOKEN": "flb_a_b"},
}


@pytest.mark.parametrize("name", re.findall(r"^\| `(BACKLOG_\w+)` \|", README, re.M))
def test_a_bad_value_is_refused_by_the_name_of_its_variable(store, name):
    value, words = BAD[name]
    ran = manage({**os.environ, **BESIDE.get(name, {}), name: value}, *words.split())
    assert (ran.out, ran.err.count("\n")) == ("", 1)
    assert re.match(f"{name}(=/nowhere)? (must|names|has no) ", ran.err)
    assert ran.status != 0


@pytest.mark.parametrize("name", ["BACKLOG_ENFORCE_ROLES", "BACKLOG_WEBHOOKS_PRIVATE"])
def test_a_site_does_not_start_with_a_switch_that_its_sweeps_would_refuse(store, name):
    ran = manage({**os.environ, name: "maybe"}, "check")
    assert (ran.status, ran.out, ran.err) == (1, "", f"{name} must be on or off, not maybe\n")


@pytest.mark.parametrize("path", ["backlog", "/backlog/", "/", "//host", "/a b", "/a?b"])
def test_where_the_site_hangs_is_a_path_or_is_refused(monkeypatch, path):
    monkeypatch.setenv("X", path)
    with pytest.raises(SystemExit, match=r"^X must be a path such as /backlog, without a slash at"):
        Environment().path_prefix("X")


def test_files_pages_and_probes_are_where_the_site_hangs(store):
    program = """
from django.conf import settings
from django.test import Client
from django.urls import reverse
from fleet_backlog.serving import arrival
probe = Client().get("/healthz", headers={"host": "localhost"})
alive = arrival._ALIVE.match(b"GET /a/b/healthz HTTP/1.1")
print(settings.STATIC_URL, reverse("board"), probe.status_code, alive is not None)
print(settings.SESSION_COOKIE_PATH, settings.CSRF_COOKIE_PATH)
"""
    env = {**os.environ, "SCRIPT_NAME": "/a/b", "HTTPS": "on"}
    ran = manage(env, "shell", "--no-imports", "-c", program)
    assert (ran.out, ran.err) == ("/a/b/static/ /a/b/ 200 True\n/a/b/ /a/b/\n", "")


# Of what only some commands read, and no server.
NOT_SERVED = {
    *("BACKLOG_URL", "BACKLOG_TOKEN", "BACKLOG_OWNER", "BACKLOG_CARD_ID", "BACKLOG_ATTEMPT"),
    *("BACKLOG_OUTPUT", "BACKLOG_TRANSFER_TO", "BACKLOG_PLAIN_HTTP"),
}
# Of what names the store, which is opened before anything is served: `tests/test_serve.py`.
OF_THE_STORE = {"BACKLOG_DATA_DIR", "BACKLOG_STORE"}
# Of what Django's settings read: `check` refuses it, and so does `serve`.
OF_DJANGO = {name for name, (_, words) in BAD.items() if words == "check"}
OF_DJANGO |= {"BACKLOG_ENFORCE_ROLES", "BACKLOG_WEBHOOKS_PRIVATE"}
READ_LATER = sorted(BAD.keys() - NOT_SERVED - OF_THE_STORE - OF_DJANGO)


@pytest.mark.parametrize("name", READ_LATER)
def test_a_server_does_not_start_with_a_setting_that_would_be_refused_later(monkeypatch, name):
    monkeypatch.setenv(name, BAD[name][0])
    with pytest.raises(CommandError, match=f"^{name}(=/nowhere)? (must|has) ") as refused:
        call_command("serve", bind="127.0.0.1:0")
    assert "\n" not in str(refused.value)


# Whatever asks for a switch, and what it makes of it.
SWITCHES = {
    "BACKLOG_ENFORCE_ROLES": are_enforced,
    "BACKLOG_WEBHOOKS_PRIVATE": addresses.private,
    "BACKLOG_PUBLIC_BOARD": lambda: Environment().bool("BACKLOG_PUBLIC_BOARD", default=False),
    "BACKLOG_OUTPUT": lambda: _working().output == "on",
    "PREPARE_STATEMENTS": lambda: storage.from_environment().prepare,
}


def _working():
    return parse(["work", "--owner", "w", "--", "true"], "backlog")


@pytest.mark.parametrize("name", SWITCHES)
def test_every_switch_knows_the_same_words(monkeypatch, name):
    monkeypatch.setenv("DATABASE_URL", "postgresql://h/d")
    for word, means in (("on", True), (" YES", True), ("1", True), ("off", False), ("No", False)):
        monkeypatch.setenv(name, word)
        assert SWITCHES[name]() is means, word
    monkeypatch.setenv(name, "maybe")
    with pytest.raises((UsageError, SystemExit), match=f"{name} must be .*, not "):
        SWITCHES[name]()


def test_no_test_reads_a_setting_of_whoever_runs_it():
    assert plugin.is_of_the_shell("BACKLOG_WEBHOOKS_PRIVATE")
    kept = ("BACKLOG_TEST_TIER", "BACKLOG_FAIL_ON_SKIP", "BACKLOG_CHAOS_SEED", "HOME")
    assert not any(map(plugin.is_of_the_shell, kept))


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
