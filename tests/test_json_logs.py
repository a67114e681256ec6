"""Logs as lines of JSON: whatever words are in them, each says what it is about."""

import json
import logging
import os
import signal
import sys

import pytest

from backlog import json_logs
from backlog.connection import open_session
from backlog.errors import NotFound
from remote import calls
from tests.command import On
from tests.hostile import HOSTILE, acting
from tests.serving import ask, serving
from tests.worker import until

pytestmark = pytest.mark.one_tier

JSON = {"BACKLOG_LOGS": "json"}


@pytest.fixture
def work(command):
    """Runs a worker whose command is this shell script."""

    def run(script, *options, env):
        words = ("work", "--owner", "w", *options, "--", "sh", "-c", script)
        return command(*words, env=env)

    return run


def _lines(text):
    return [json.loads(line) for line in text.splitlines()]


def _formatted(message, *args, **more):
    record = logging.makeLogRecord({"msg": message, "args": args, "name": "x", **more})
    return json_logs.Formatter().format(record)


def test_no_words_act_or_leave_their_line():
    words = f"{HOSTILE}\r\nforged"
    line = _formatted("said %s", words, exc_info=(ValueError, ValueError(words), None))
    assert not acting(line)
    assert "\n" not in line
    assert json.loads(line)["message"] == f"said {words}"


def test_what_is_done_is_said_of_what_is_logged_within_and_of_an_error_that_leaves_it():
    try:
        with json_logs.about(verb="show", card="A", owner=None):
            assert json.loads(_formatted("within"))["card"] == "A"
            raise ValueError("x")
    except ValueError:
        said = json.loads(_formatted("after", exc_info=sys.exc_info()))
    assert (said["verb"], said["card"], "owner" in said) == ("show", "A", False)
    assert "ValueError: x" in said["error"]
    assert "card" not in json.loads(_formatted("elsewhere"))


def test_what_is_called_over_the_wire_says_verb_card_owner_and_attempt(store, transactional_db):
    (show,) = (each for each in calls.verbs() if each.name == "show")
    with pytest.raises(NotFound) as refused:
        calls.call(show, {"id": "A"}, "ada", open_session, lambda *_: None)
    assert refused.value.about == {"verb": "show", "card": "A", "owner": "ada"}


def test_a_worker_tells_of_its_card_owner_and_attempt(card, work):
    card("A", title="\x1b[2J")
    first, last = _lines(work("exit 3", "--once", env=JSON).err)
    assert (first["message"], last["message"]) == ("claimed", "failed")
    assert list(last)[:4] == ["time", "level", "logger", "message"]
    known = {"verb": "work", "card": "A", "owner": "w", "attempt": 1}
    assert known.items() <= first.items()
    assert known.items() <= last.items()


def test_the_form_that_a_worker_is_asked_for_stays(card, work):
    card("A")
    (first, _) = _lines(work("exit 0", "--once", "--json", env=JSON).err)
    assert (list(first)[:3], first["what"]) == (["at", "owner", "what"], "claimed")


def test_a_word_that_is_no_form_is_refused(work):
    ran = work("exit 0", "--once", env={"BACKLOG_LOGS": "xml"})
    assert (ran.status, ran.err) == (2, 'BACKLOG_LOGS must be one of text, json, not "xml"\n')


def test_every_line_of_the_server_and_its_sweeps_is_json(store_root, card):
    env = {**os.environ, **JSON, "BACKLOG_DATA_DIR": str(store_root)}
    env.pop("DATABASE_URL", None)
    assert On(**env)("create", "--id", "A", "--title", "A").status == 0
    assert On(**env)("claim", "--owner", "w", "--ttl", "1").status == 0
    with serving(env, "--sweep", "1", "--workers", "1", "--access-log", "-") as (server, url):
        ask(f"{url}/nowhere?q=secret")
        until(lambda: On(**env)("show", "--id", "A").out.find("status: ready") > 0)
        server.send_signal(signal.SIGTERM)
        said = _lines(server.said + server.stdout.read())
    by_logger = {line["logger"]: line for line in said}
    assert by_logger["backlog.sweep"]["reclaimed"] == ["A"]
    request = by_logger["gunicorn.access"]
    assert (request["method"], request["path"], request["status"]) == ("GET", "/nowhere", 404)
