"""A server that is none, or means harm: one sentence and the right exit status from every command,
never a traceback, and no token in what is said."""

import json
import os
import socket
import time
from contextlib import closing
from itertools import repeat
from pathlib import Path

import pytest

from backlog.cli.options import Group
from backlog.cli.parser import declared
from backlog.errors import StoreUnavailable
from remote.calls import is_called
from remote.client import arriving, main, rows, wire
from remote.client.address import Address
from remote.client.wire import Answer, NotUnderstood
from remote.command import VERBS
from tests import face

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]

TOKEN = "flb_key_secret"
CARD = {
    "id": "A", "title": "t", "priority": 0, "status": "claimed", "dependsOn": [], "attempts": 1,
    "claimedAt": "2026-01-01T00:00:00Z", "createdAt": "2026-01-01T00:00:00Z",
    "updatedAt": "2026-01-01T00:00:00Z", "claimOwner": "w", "claimTtlSeconds": 60,
}  # fmt: skip


def reply(value, text=None, **more):
    return json.dumps({"status": 0, "json": value, "text": text, "note": None, **more})


def raw(value):
    """A reply whose JSON is written so."""
    return f'{{"status":0,"json":{value},"text":null,"note":null}}'


def html(status="200 OK", *headers):
    return status, "<html>flb_key_secret", ("Content-Type", "text/html"), *headers


def refusal(code, message):
    return json.dumps({"error": {"code": code, "message": message}})


# What the server answers to everything: a body, or a status, a body and headers.
ANSWERS = {
    "html": html(),
    "nothing": "",
    "another host": html("302 Found", ("Location", f"https://evil.example/?{TOKEN}")),
    "its own token": ("401 Unauthorized", refusal("no_token", f"{TOKEN}\x1b[2J\ud800")),
    "a refusal of lists": ("422 U", refusal([1], {"a": 2})),
    "a refusal that is none": ("500 I", '{"error":"no"}'),
    "a status of nobody's": ("999 No", "{}"),
    "no object": '[{"status":0}]',
    "no end": '{"status":0,"json":[1,2',
    "too deep": '{"status":0,"json":' + "[" * 100_000,
    "a stream": ("200 OK", "{}\n{}\n", ("Content-Type", "application/x-ndjson")),
    "too large a status": reply([], status=999),
    "lines that are none": reply([], text="lines"),
    "a note that is none": reply([], note={}),
    "not a number": raw("NaN"),
    "a number": raw(5),
    "a text": raw('"A"'),
    "an object": raw('{"completed":[],"claimed":7}'),
    "things that are no cards": raw('[{"id":{}},null,7]'),
}  # fmt: skip
# Answers of one shape, whose card no database could hold.
CARDS = {
    "half a character": {"title": "\ud800"},
    "a NUL byte": {"id": "A\0B"},
    "a title that is a number": {"title": 5},
    "attempts that are none": {"attempts": "1"},
    "a lease without an end": {"claimTtlSeconds": 10**30},
    "a number of many digits": {"attempts": 1e300},
    "attempts of half": {"attempts": 1.5},
    "a time before all others": {"claimedAt": "0001-01-01T00:00:00+14:00"},
    "a time without an offset": {"claimedAt": "2026-01-01T00:00:00"},
    "a cost of a billion digits": {"projectedCost": 1e300},
    "dependencies that are none": {"dependsOn": {"A": 1}},
    "a switch that is none": {"draft": "yes"},
}
EVENT = {
    "id": 1, "cardId": "A", "at": "2026-01-01T00:00:00Z", "actor": "w", "verb": "claim",
    "from": None, "to": "claimed", "attempt": 1, "note": None,
}  # fmt: skip
EVENTS = {
    "an id of a number that is none": {"id": "1"},
    "an id that nobody counts to": {"id": 2**63},
    "a verb of objects": {"verb": {}},
    "a time that is none": {"at": "noon"},
}
OUTPUT = {
    "cardId": "A", "attempt": 1, "before": 0, "writtenAt": "2026-01-01T00:00:00Z",
    "ended": False, "text": "printed \udcff",
}  # fmt: skip
OUTPUTS = {
    "half a character": {"text": "\ud800"},
    "less than nothing before it": {"before": -1},
    "an end that is none": {"ended": None},
}
FOLLOWED = (
    "output --id A",
    "output --id A --follow",
    "tail --follow",
    "work --owner w --once -- true",
)
# Where the status is not that of a server that is away.
EXITS = {"its own token": 1, "a refusal of lists": 2}


@pytest.fixture(scope="module")
def hostile():
    """A server, and what it answers, which a test sets."""

    class Hostile:
        answers = {}
        url = ""

        def __call__(self, environ, start):
            said = self.answers.get(environ["PATH_INFO"].rpartition("/")[2], self.answers[""])
            status, body, *headers = ("200 OK", said) if isinstance(said, str) else said
            start(status, headers or [("Content-Type", "application/json")])
            return [body.encode()] if isinstance(body, str) else body

    made = Hostile()
    with face.serving(made) as made.url:
        yield made


@pytest.fixture
def run(hostile, monkeypatch, capsys):
    """Runs words by a server that answers this to everything, or to `verbs` something else."""
    monkeypatch.setenv("BACKLOG_URL", hostile.url)
    monkeypatch.setenv("BACKLOG_TOKEN", TOKEN)
    monkeypatch.setattr(wire, "PATIENCE_SECONDS", 0)
    monkeypatch.setattr(wire, "_LONGEST", 2**20)

    def ran(words, answer="", **verbs):
        hostile.answers = {"": answer, **verbs}
        status = main.main([*words], "backlog", VERBS)
        out, err = capsys.readouterr()
        assert TOKEN not in out + err
        if status:
            assert (out, err.count("\n")) == ("", 1), (words, err)
        return status

    return ran


def example(option):
    """The words of an option, if it must be given."""
    name, settings = option
    positional = not name.startswith("-")
    if not (positional or settings.get("required") or name in ("--id", "--cron", "--pass")):
        return []
    if "action" in settings:
        return [name]
    value = "-" if settings.get("metavar") == "FILE" else [*settings.get("choices", ()), "1"][0]
    return [value] if positional else [f"{name}={value}"]


def every_verb():
    """The words of each verb that works over HTTP, as few as it takes."""
    for name in filter(is_called, VERBS):
        found = declared(VERBS[name])
        for deed in found.actions if isinstance(found, Group) else [found]:
            group = [name] if isinstance(found, Group) else []
            yield [*group, deed.name, *(word for each in deed.options for word in example(each))]


def test_no_verb_breaks_on_what_is_no_answer(run, monkeypatch):
    words = [each for each in every_verb() if each[0] not in ("work", "mcp", "token")]
    with Path(os.devnull).open() as nothing:
        monkeypatch.setattr("sys.stdin", nothing)
        for each in words:
            run(each, ANSWERS["things that are no cards"])
            assert run(each, ANSWERS["html"]) in (2, 5), each
    assert len(words) > 70


@pytest.mark.parametrize("shape", ANSWERS)
def test_what_is_no_answer_is_one_sentence(run, shape):
    for words in FOLLOWED:
        assert run(words.split(), ANSWERS[shape]) == EXITS.get(shape, 5), words
    for words in ("list", "show --id A --json", "claim --exit-code", "tail", "export --json"):
        run(words.split(), ANSWERS[shape])


def test_an_answer_without_an_end_is_not_read_to_it(run):
    endless = ("200 OK", repeat(b"x" * 2**16), ("Content-Type", "application/json"))
    lines = ("200 OK", repeat(b"x" * 2**16), ("Content-Type", "application/x-ndjson"))
    assert [run(["list"], endless), run(["export"], lines)] == [5, 5]


def test_an_answer_that_comes_byte_by_byte_is_not_waited_for(hostile):
    hostile.answers = {"": ("200 OK", slowly(), ("Content-Type", "application/json"))}
    made = wire.Wire(Address(hostile.url, TOKEN), patience=0, silence=0.2)
    with closing(made) as asked, pytest.raises(StoreUnavailable, match="timed out"):
        asked.ask("list", {}, reads=True)


GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
CHUNK = b"HTTP/1.1 200 OK\r\nContent-Type: %b\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n"
ENDLESS = {
    "go on": (GO_ON, GO_ON),
    "a head": (b"HTTP/1.1 200 OK\r\nx: ", b"x"),
    "lines behind the body": (CHUNK % b"application/json", b"x: y\r\n"),
    "lines behind an export": (CHUNK % b"application/x-ndjson", b"x: y\r\n"),
}


@pytest.mark.parametrize("pause", [0.01, 0], ids=["now and then", "at once"])
@pytest.mark.parametrize(("begin", "again"), ENDLESS.values(), ids=ENDLESS)
def test_what_goes_on_around_an_answer_is_not_waited_for(begin, again, pause):
    with face.serving(pouring(begin, again, pause)) as url:
        made = wire.Wire(Address(url, TOKEN), patience=0, silence=0.2)
        with closing(made) as asked, pytest.raises(StoreUnavailable, match="cannot be reached"):
            list(asked.ask("export", {}, reads=True).lines)


def test_a_proxy_that_goes_on_is_not_waited_for(monkeypatch):
    with face.serving(pouring(b"HTTP/1.1 200 OK\r\nx: ", b"x", 0.01)) as url:
        monkeypatch.setenv("HTTPS_PROXY", url)
        made = wire.Wire(Address("https://backlog.example.org", TOKEN), patience=0, silence=0.2)
        with closing(made) as asked, pytest.raises(StoreUnavailable, match="timed out"):
            asked.ask("list", {}, reads=True)


def test_whoever_reads_an_export_may_take_hours_over_a_line(hostile, monkeypatch):
    """`export | less`, say: the server is not told to be away, for it was not asked meanwhile."""
    lines = ("200 OK", repeat(b"x" * 999 + b"\n", 1000), ("Content-Type", "application/x-ndjson"))
    hostile.answers = {"": lines}
    with closing(wire.Wire(Address(hostile.url, TOKEN), patience=0)) as asked:
        read = asked.ask("export", {}, reads=True).lines
        next(read)
        now = time.monotonic
        monkeypatch.setattr(arriving.time, "monotonic", lambda: now() + 3600)
        assert sum(1 for _ in read) == 999


def pouring(begin, again, pause):
    """A server that begins so, and goes on until nobody listens."""

    def answer(environ, start):
        client = environ["connection"]
        client.sendall(begin)
        while True:
            time.sleep(pause)
            client.sendall(again)

    return answer


def test_who_takes_a_connection_and_greets_nobody_is_away(monkeypatch):
    monkeypatch.setattr(wire, "_REACHED_SECONDS", 0.05)
    with socket.create_server(("127.0.0.1", 0)) as mute:  # as what speaks no TLS, where it should
        url = "https://127.0.0.1:{1}".format(*mute.getsockname())
        made = wire.Wire(Address(url, TOKEN), patience=0)
        with closing(made) as asked, pytest.raises(StoreUnavailable, match="timed out"):
            asked.ask("list", {}, reads=True)


def slowly():
    while True:
        time.sleep(0.01)
        yield b" "


@pytest.mark.parametrize("shape", CARDS)
def test_a_card_that_no_database_holds_ends_who_would_claim_the_next(run, shape):
    card = reply({**CARD, **CARDS[shape]})
    assert run(["output", "--id", "A", "--follow"], show=card) == 5
    worker = ["work", "--once", "--owner", "w", "--", "true"]
    assert run(worker, paused=reply([]), claim=reply([{**CARD, **CARDS[shape]}])) == 5


@pytest.mark.parametrize(
    ("read", "right", "wrong"),
    [(rows.event, EVENT, each) for each in EVENTS.values()]
    + [(rows.output, OUTPUT, each) for each in OUTPUTS.values()]
    + [(rows.existing, CARD, {"status": None}), (rows.existing, CARD, {"id": None})],
)
def test_what_is_no_row_is_not_understood(read, right, wrong):
    def asked(row):
        return Answer(0, json.dumps(row), None, None, url="http://b").read(read)

    assert asked(right)
    with pytest.raises(NotUnderstood, match=r"http://b .* cannot read") as refused:
        asked({**right, **wrong})
    assert refused.value.exit_status == 5
    with pytest.raises(NotUnderstood):
        asked({key: value for key, value in right.items() if key not in wrong})


def test_more_cards_than_were_asked_for_are_not_taken(run):
    worker = ["work", "--once", "--owner", "w", "--", "true"]
    assert run(worker, paused=reply([]), claim=reply([CARD, CARD])) == 5


def test_an_array_is_read_as_it_is_written():
    written = '[ {"a": 1.10 } ,\n"x]" , 12345678901234567890 ]'
    assert Answer(0, written, None, None).each == ['{"a": 1.10 }', '"x]"', "12345678901234567890"]
