"""The tools over HTTP: whose token a call has, and what the server has to say before it is one."""

import json
from contextlib import asynccontextmanager, closing
from functools import partial

import anyio
import httpx
import pytest
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from remote.client.address import Address
from remote.client.wire import Wire
from remote.mcp import http, server
from remote.mcp.doing import by_wire
from remote.mcp.http import PATH, application
from remote.verbs import tokens
from tests import kept
from tests.remote.agents import ask, in_a_loop, said
from tests.worker import until

pytestmark = pytest.mark.one_tier


@asynccontextmanager
async def _http(ends=lambda: False, **headers):
    app = application("full", ends)
    http = httpx.AsyncClient(transport=httpx.ASGITransport(app), headers=headers)
    async with app.router.lifespan_context(app), http:
        yield http, f"http://here{PATH}"


def _posted(headers, **body):
    """What the server answers to a POST of this body."""

    async def send():
        async with _http(**headers) as (http, url):
            return await http.post(url, **body)

    return in_a_loop(send)


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
    answer = _posted(headers, json={})
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
    headers = {"Authorization": f"Bearer {token}", "Content-Encoding": "gzip"}
    answer = _posted(headers, content=b"{}")
    code = answer.json()["error"]["code"]
    assert (answer.status_code, code) == (415, "unsupported_media_type")


@pytest.mark.django_db(transaction=True)
def test_over_http_no_body_is_read_beyond_ten_megabytes(session):
    _, token = tokens.create(session, "ada")

    async def endless():
        while True:
            yield bytes(2**20)

    answer = _posted({"Authorization": f"Bearer {token}"}, content=endless())
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    "body",
    ["[" * 10**5, '{"a":1e400}', '{"a":NaN}', r'{"a":"\ud800"}', "9" * 5000, '[{"a":1,"a":2}]'],
)
def test_over_http_what_is_no_value_is_refused(session, caplog, body):
    _, token = tokens.create(session, "ada")
    answer = _posted({"Authorization": f"Bearer {token}"}, content=body)
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
