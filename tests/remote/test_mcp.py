"""The verbs as tools for agents, asked by the client of the protocol's own library."""

import json
import re
import sys
import tomllib
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, closing
from functools import partial

import anyio
import httpx
import pytest
from mcp import ClientSession, StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.memory import create_connected_server_and_client_session as connected

from backlog.cli.connection import open_session
from backlog.verbs import history, runs
from remote.calls import verbs
from remote.client.address import Address
from remote.client.wire import Wire
from remote.mcp import http, server
from remote.mcp.doing import Kept, by_wire, here
from remote.mcp.http import PATH, application
from remote.mcp.tools import SMALL, offered
from remote.verbs import tokens
from tests import kept
from tests.command import MANAGE, PROJECT, storeless
from tests.worker import until

pytestmark = pytest.mark.one_tier


def in_a_loop(work, *given):
    """What it gives, run on a thread of its own: in this one a browser's loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work, *given).result()


def ask(*calls, worker="ada", tier="full", connect=open_session, do=here):
    """What these tools answer to an agent that acts as this worker: `("show", {"id": "A"})`."""

    async def run():
        tools = offered(tier)
        made = server.serving(tools, partial(do, worker=worker, connect=connect))
        async with connected(made) as client:
            return [await client.call_tool(name, given) for name, given in calls]

    return in_a_loop(run)


def said(result):
    return result.content[0].text


# What is offered ----------------------------------------------------------------------------------


def test_the_small_tier_is_what_a_worker_needs_in_the_order_of_its_day():
    tools = offered("small")
    assert tuple(tools) == SMALL
    assert tools["claim"].tool.inputSchema["properties"]["ttl"] == {
        "type": "integer",
        "minimum": 1,
        "maximum": 2**31 - 1,
        "default": 900,
        "description": "seconds the lease lasts (900)",
    }
    assert tools["comment"].tool.inputSchema["required"] == ["id", "note"]
    assert [name for name in tools if tools[name].tool.annotations.readOnlyHint] == [
        "show",
        "context",
    ]


def test_the_full_tier_is_every_verb_but_those_for_services():
    named = {called.name.replace("/", "_").replace("-", "_") for called in verbs()}
    assert named - offered("full").keys() == {"export", "sweep", "check", "keep_output"}


@pytest.mark.parametrize("tier", ["small", "full"])
def test_every_schema_is_plain_and_asks_nobody_who_they_are(tier):
    for name, (_, tool) in offered(tier).items():
        schema = tool.inputSchema
        assert schema.keys() == {"type", "properties", "required", "additionalProperties"}, name
        assert "by" not in schema["properties"]
        assert all(
            each.get("description") or each["type"] for each in schema["properties"].values()
        )
        assert tool.description[-1] == ".", name


def test_what_the_docs_have_agents_read_is_what_they_read():
    page = (PROJECT / "docs" / "mcp.md").read_text()
    files = [json.loads(each) for each in re.findall(r"```json\n(.*?)```", page, re.S)]
    files += [tomllib.loads(each) for each in re.findall(r"```toml\n(.*?)```", page, re.S)]
    started = [
        servers["backlog"] for file in files for servers in file.values() if "backlog" in servers
    ]
    assert len(files) == len(started) == 7
    assert all((each["command"], each["args"]) == ("backlog", ["mcp"]) for each in started)
    assert all(f"`{name}`" in page for name in SMALL)


# What is answered ---------------------------------------------------------------------------------


def test_an_agent_works_on_a_card_to_its_end(session, card):
    card("A", body="Mind the gap")
    claim = {"id": "A", "attempt": 1}
    claimed, known, renewed, done, nothing = ask(
        ("claim", {"ttl": 60}),
        ("context", {"id": "A"}),
        ("renew", {**claim, "ttl": 600}),
        ("complete", {**claim, "summary": "minded", "result": {"gaps": 1}, "cost": 0.25}),
        ("claim", {}),
        tier="small",
    )
    assert claimed.structuredContent == json.loads(said(claimed))
    assert (claimed.structuredContent["id"], claimed.structuredContent["attempts"]) == ("A", 1)
    assert said(known).startswith("# Card\n")
    assert "\n> Mind the gap\n" in said(known)
    assert renewed.structuredContent["claimTtlSeconds"] == 600
    assert done.structuredContent["status"] == "done"
    assert (said(nothing), nothing.structuredContent, nothing.isError) == ("null", None, False)
    (run,) = runs.runs(session, "A")
    assert (run.owner, run.summary, run.result) == ("ada", "minded", '{"gaps": 1}')


@pytest.mark.parametrize(
    ("name", "given", "code", "sentence"),
    [
        ("complete", {"id": "A"}, "claim_lost", "cannot complete A: the claim is not yours"),
        ("show", {"id": "B"}, "not_found", "there is no card B"),
        ("claim", {"ttl": "soon"}, "usage", "ttl must be a whole number"),
        (
            "claim",
            {"for": "me"},
            "usage",
            "claim takes no for; it takes ttl, id, phase, role, count, wait",
        ),
        ("claim", {"wait": 600}, "usage", "wait must be between 0 and 45"),
        ("claim", {"owner": "w"}, "not_allowed", "owner must be ada, who calls"),
        (
            "signal",
            {"id": "A", "kind": "skill", "text": "t", "evidence": "@/etc/passwd"},
            "usage",
            "evidence must be a file of UTF-8 text after the @",
        ),
        ("sing", {}, "usage", "there is no tool sing; there are create, list"),
    ],
)
def test_a_refusal_is_an_error_of_the_tool_in_the_words_of_the_command(
    claimed, row, name, given, code, sentence
):
    (refused,) = ask((name, given))
    assert refused.isError
    assert said(refused).startswith(sentence)
    assert refused.structuredContent == {"error": {"code": code, "message": said(refused)}}
    assert row("claim_owner, attempts") == ("w", 1)


def test_an_operator_s_agent_acts_on_what_others_hold_if_it_says_so(claimed, session):
    refused, done = ask(("block", {"id": "A"}), ("block", {"id": "A", "owner": None}))
    assert (refused.isError, done.structuredContent["status"]) == (True, "blocked")
    assert history.history(session, "A")[-1].actor == "ada"


def test_a_claim_may_wait_and_holds_no_connection_meanwhile():
    asked = []

    def look(called, given, **_):
        asked.append(given)
        return server.Answer("null\n" if len(asked) < 3 else '{"id":"A"}\n')

    (claimed,) = ask(("claim", {"wait": 30}), do=look)
    assert claimed.structuredContent == {"id": "A"}
    assert asked == [{}, {}, {}]


def test_a_word_beside_the_answer_is_said_after_it(store):
    (made,) = ask(("create", {"id": "A", "title": "t", "dependsOn": ["B", "C"]}))
    assert made.structuredContent["dependsOn"] == ["B", "C"]
    assert made.content[1].text.startswith("waits for B, C: there is no such card yet")


def test_what_is_too_long_to_read_is_refused_and_what_changes_something_is_not(card, monkeypatch):
    card("A")
    monkeypatch.setattr(server, "LONGEST_READING", 100)
    listed, claimed = ask(("list", {}), ("claim", {}))
    assert "more than 100 are too many to read" in said(listed)
    assert json.loads(said(claimed))["id"] == "A"


def test_a_number_that_python_cannot_hold_is_exact_in_the_text(session, card):
    card("A", acceptance='{"most": 1E+5000}')
    (shown,) = ask(("show", {"id": "A"}))
    assert f'{{"most": 1{"0" * 5000}}}' in said(shown)
    assert shown.structuredContent is None


@pytest.mark.parametrize("printed", ['{"text":"\\udcff"}', '{"markdown":5}', "[" * 10**5])
def test_what_can_be_no_value_is_told_as_it_is_written(printed):
    (shown,) = ask(("list", {}), do=lambda *_, **__: server.Answer(printed + "\n"))
    assert said(shown) == printed
    assert shown.model_dump_json()


def test_a_defect_is_told_to_the_log_alone(store, monkeypatch, caplog):
    def fail(*_, **__):
        raise LookupError("of the inside")

    monkeypatch.setattr("remote.mcp.doing.call", fail)
    (failed,) = ask(("list", {}))
    assert (failed.isError, "inside" in said(failed)) == (True, False)
    assert "of the inside" in caplog.text


def test_a_connection_that_is_kept_is_made_anew_when_it_broke(session, card):
    card("A")
    kept, pids = Kept(open_session), []
    for _ in range(3):
        with kept() as mine:
            pids += [mine.rows("SELECT pg_backend_pid()")[0][0]]
        if len(pids) == 2:
            session.execute("SELECT pg_terminate_backend(%s, 5000)", pids[-1:])
    (shown,) = ask(("show", {"id": "A"}), connect=kept)
    kept.close()
    assert pids[0] == pids[1] != pids[2]
    assert shown.structuredContent["id"] == "A"


# Over HTTP ----------------------------------------------------------------------------------------


@asynccontextmanager
async def _http(ends=lambda: False, **headers):
    app = application("full", ends)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=headers)
    async with app.router.lifespan_context(app), http:
        yield http, f"http://here{PATH}"


async def _over_http(token, *calls, **how):
    """What an agent gets that shows this token."""
    async with (
        _http(Authorization=f"Bearer {token}", **how) as (http, url),
        streamable_http_client(url, http_client=http) as (reads, writes, _),
        ClientSession(reads, writes) as client,
    ):
        await client.initialize()
        return [await client.call_tool(name, given) for name, given in calls]


@pytest.mark.django_db(transaction=True)
def test_over_http_the_worker_of_the_token_acts_as_far_as_its_token_lets_it(session, card):
    card("A", phase="M1")
    card("B", phase="M2", priority=9)
    _, token = tokens.create(session, "ada", phases=["M1"])
    before = session.rows(kept.IN_USE)
    claimed, edited, others, blocked = in_a_loop(
        _over_http,
        token,
        ("claim", {}),
        ("edit", {"id": "A", "title": "mine"}),
        ("block", {"id": "B", "owner": None}),
        ("block", {"id": "A", "owner": None}),
    )
    assert (claimed.structuredContent["id"], claimed.structuredContent["claimOwner"]) == (
        "A",
        "ada",
    )
    assert said(edited) == "edit needs a token of scope operate; this one is work"
    assert said(others) == "this token is for phases M1; not B"
    assert blocked.structuredContent["status"] == "blocked"  # as who holds it
    until(lambda: session.rows(kept.IN_USE) == before, "no connection that is left")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("headers", "status", "code"),
    [
        ({}, 401, "no_token"),
        ({"Authorization": "Bearer flb_0_0"}, 401, "no_token"),
        ({"Origin": "http://evil.example"}, 403, "not_allowed"),
    ],
)
def test_over_http_whoever_has_no_token_or_is_a_page_is_refused(store, headers, status, code):
    async def send():
        async with _http(**headers) as (http, url):
            return await http.post(url, json={})

    answer = in_a_loop(send)
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)


@pytest.mark.parametrize("method", ["GET", "DELETE", "HEAD"])
def test_over_http_nobody_is_kept_listening_to_who_says_nothing(method):
    async def send():
        async with _http(Accept="text/event-stream") as (http, url):
            return await http.request(method, url)

    answer = in_a_loop(send)
    assert (answer.status_code, answer.headers["Allow"]) == (405, "POST")


@pytest.mark.django_db(transaction=True)
def test_over_http_what_is_said_to_be_packed_is_not_read_as_it_is(session):
    _, token = tokens.create(session, "ada")

    async def send():
        async with _http(Authorization=f"Bearer {token}") as (http, url):
            return await http.post(url, content=b"{}", headers={"Content-Encoding": "gzip"})

    answer = in_a_loop(send)
    code = answer.json()["error"]["code"]
    assert (answer.status_code, code) == (415, "unsupported_media_type")


@pytest.mark.django_db(transaction=True)
def test_over_http_no_body_is_read_beyond_ten_megabytes(session):
    _, token = tokens.create(session, "ada")

    async def endless():
        while True:
            yield bytes(2**20)

    async def send():
        async with _http(Authorization=f"Bearer {token}") as (http, url):
            return await http.post(url, content=endless())

    answer = in_a_loop(send)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "body",
    ["[" * 10**5, '{"a":1e400}', '{"a":NaN}', r'{"a":"\ud800"}', "9" * 5000, '[{"a":1,"a":2}]'],
)
def test_over_http_what_is_no_value_is_refused(session, caplog, body):
    _, token = tokens.create(session, "ada")

    async def send():
        async with _http(Authorization=f"Bearer {token}") as (http, url):
            return await http.post(url, content=body)

    answer = in_a_loop(send)
    assert (answer.status_code, answer.json()["error"]["code"]) == (422, "usage")
    assert caplog.text == ""


@pytest.mark.django_db(transaction=True)
def test_over_http_nothing_is_claimed_for_who_hung_up_while_it_waited(session, monkeypatch):
    _, token = tokens.create(session, "ada")
    looks = []

    def look(called, given):
        looks.append(called.name)
        return server.Answer("null\n" if len(looks) == 1 else '{"id":"A"}\n')

    monkeypatch.setattr("remote.mcp.http._do", look)
    _claim_and_hang_up(token, lambda: True)
    assert looks == ["claim"]


@pytest.mark.django_db(transaction=True)
def test_over_http_who_hangs_up_while_it_is_claimed_has_claimed_nothing(
    session, card, row, monkeypatch
):
    card("A")
    _, token = tokens.create(session, "ada")
    claimed, do = [], http.as_token

    def claiming(*asked):
        return lambda answer: claimed.append(do(*asked)(answer)) or claimed[0]

    monkeypatch.setattr(http, "as_token", claiming)
    _claim_and_hang_up(token, lambda: claimed)
    assert '"claimOwner":"ada"' in claimed[0].json
    assert row("status, attempts, claim_owner") == ("ready", 0, None)


@pytest.mark.django_db(transaction=True)
def test_over_http_a_server_that_ends_answers_who_waits(session):
    _, token = tokens.create(session, "ada")
    waits = partial(_over_http, token, ("claim", {"wait": 45}), ends=lambda: True)
    (answer,) = in_a_loop(waits)
    assert said(answer) == "null"


def _claim_and_hang_up(token, is_time):
    """Claim by a request of this token, whose client goes when it is time."""
    params = {"name": "claim", "arguments": {"wait": 30}}
    asked = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    headers = [("authorization", f"Bearer {token}"), ("content-type", "application/json")]
    headers += [("accept", "application/json, text/event-stream"), ("host", "here")]
    scope = {
        "type": "http", "method": "POST", "path": PATH, "raw_path": b"", "query_string": b"",
        "root_path": "", "scheme": "http", "client": ("127.0.0.1", 1), "server": ("here", 80),
        "headers": [(name.encode(), value.encode()) for name, value in headers],
    }  # fmt: skip
    arrives = [{"type": "http.request", "body": json.dumps(asked).encode()}]

    async def receive():
        if arrives:
            return arrives.pop()
        while not is_time():
            await anyio.sleep(0.01)
        return {"type": "http.disconnect"}

    async def send(message):
        pass

    async def ask():
        app = application("full")
        async with app.router.lifespan_context(app):
            await app(scope, receive, send)

    in_a_loop(ask)


@pytest.mark.django_db(transaction=True)
def test_with_a_server_elsewhere_it_does_what_the_tools_ask_for(session, card, live_server):
    card("A")
    _, token = tokens.create(session, "ada")
    with closing(Wire(Address(live_server.url, token))) as wire:
        claimed, known, lost, nothing = ask(
            ("claim", {}),
            ("context", {"id": "A"}),
            ("renew", {"id": "A", "attempt": 7}),
            ("claim", {"count": 2}),
            do=lambda called, given, **_: by_wire(wire)(called, given),
        )
    assert (claimed.structuredContent["claimOwner"], nothing.structuredContent) == ("ada", None)
    assert said(known).startswith("# Card\n")
    assert lost.structuredContent["error"]["code"] == "claim_lost"


# The command --------------------------------------------------------------------------------------


def test_over_standard_input_the_command_speaks_the_protocol_alone(store_root):
    env = {**storeless(), "BACKLOG_DATA_DIR": str(store_root), "BACKLOG_OWNER": "ada"}
    words = [*MANAGE[1:], "backlog", "mcp", "--tier", "full"]
    errors = []

    async def work():
        started = StdioServerParameters(command=sys.executable, args=words, env=env)
        async with (
            stdio_client(started) as (reads, writes),
            ClientSession(reads, writes, message_handler=partial(_note, errors)) as client,
        ):
            told = await client.initialize()
            await client.call_tool("create", {"id": "A", "title": "t"})
            return told, await client.call_tool("claim", {})

    told, claimed = in_a_loop(work)
    assert "Claim a card" in told.instructions
    assert claimed.structuredContent["claimOwner"] == "ada"
    assert errors == []


async def _note(errors, message):
    if isinstance(message, Exception):  # a line that is none of the protocol
        errors.append(message)


def test_lines_that_are_none_of_the_protocol_s_break_nothing(command):
    given = "hello\x1b[31m\n{}\n[" + "[" * 5000 + '\n"\\ud800"\n'
    ran = command("mcp", env={"BACKLOG_OWNER": "w"}, stdin=given)
    assert ran.status == 0
    assert all(json.loads(line)["jsonrpc"] for line in ran.out.splitlines())
    assert "Traceback" not in ran.err
    assert "\x1b" not in ran.err


def test_a_value_that_json_does_not_have_is_refused_and_not_read_as_another(command):
    given = ("NaN", "1e400", r'"\ud800"', "9" * 5000, '"A","id":"B"')
    call = '{"jsonrpc":"2.0","id":%d,"method":"%s","params":{"name":"show","arguments":{"id":%s}}}'
    lines = [call % (number, "tools/call", value) for number, value in enumerate(given)]
    lines += [call % (len(given), "tools/list", "NaN")]
    lines += [r'{"id":"\ud800"}', '{"id":true,"n":NaN}', "[NaN]"]
    ran = command("mcp", env={"BACKLOG_OWNER": "w"}, stdin="\n".join(lines) + "\n")
    answers = {each["id"]: each for each in map(json.loads, ran.out.splitlines()) if "id" in each}
    results = [answers[number]["result"] for number in range(len(given))]
    assert all(each["isError"] for each in results)
    assert {each["structuredContent"]["error"]["code"] for each in results} == {"usage"}
    said = [each["content"][0]["text"] for each in results]
    assert said[0] == "a call must be JSON, an object: NaN is no number that JSON has"
    assert said[2] == "a call must be text: it has half of a pair of \\u escapes"
    assert said[4] == "a call must have each name once in an object: id is there twice"
    assert answers[len(given)]["error"]["message"] == said[0]


@pytest.mark.parametrize(
    ("words", "status", "sentence"),
    [
        ((), 2, "say who acts: BACKLOG_OWNER=NAME, or --owner NAME"),
        (("--owner", "w", "--tier", "huge"), 2, "--tier must be one of small, full, not"),
        (("--http", "8000"), 1, "--http must be address:port"),
    ],
)
def test_what_it_cannot_serve_is_one_line(call, words, status, sentence):
    ran = call("mcp", *words)
    assert (ran.status, ran.out) == (status, "")
    assert ran.err.startswith(sentence)


def test_without_the_extra_it_says_what_to_install(call, monkeypatch):
    monkeypatch.setitem(sys.modules, "mcp", None)
    ran = call("mcp", "--owner", "w")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == "this needs more packages: pip install 'fleet-backlog[mcp]'\n"
