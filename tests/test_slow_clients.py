"""Clients that are slow, or many, or never end: others are answered meanwhile."""

import json
import os
from contextlib import ExitStack, closing

import pytest

from backlog.errors import StoreUnavailable
from remote.client.address import Address
from remote.client.wire import Wire
from tests.command import copied_store, used_store
from tests.serving import answer, send, serving

pytestmark = pytest.mark.one_tier

ENDED = b"Connection: close\r\n\r\n"
ALIVE = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
LOGIN = b"GET /login/ HTTP/1.1\r\nHost: localhost\r\n"
POST = (
    b"POST /login/ HTTP/1.1\r\nHost: localhost\r\n"
    b"Content-Type: application/x-www-form-urlencoded\r\n"
)
TOKEN = b"Cookie: csrftoken=0123456789abcdef0123456789abcdef\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"

SLOW = {
    "nothing": b"",
    "half a head": b"GET / HTTP/1.1\r\nHo",
    "half a body": POST + b"Content-Length: 1000\r\n\r\nusername=",
    "half a body that will be read": POST + TOKEN + b"Content-Length: 1000\r\n\r\nusername=",
    "half a chunk": POST + CHUNKED + b"\r\n9\r\nuser",
    "a body that waits to be asked for": POST
    + b"Expect: 100-continue\r\nContent-Length: 9\r\n\r\n",
    "a second request that does not end": ALIVE + b"\r\nGET / HT",
    "half a body of the probe": ALIVE + b"Content-Length: 1000\r\n\r\nx",
}


@pytest.fixture(scope="module")
def site():
    """The URL of a server with one process and two threads."""
    with copied_store(used_store()) as root:
        env = {**os.environ, "BACKLOG_DATA_DIR": str(root)}
        with serving(env, "--no-sweep", "--workers", "1", "--threads", "2") as (_, url):
            yield url


def is_open(client) -> bool:
    """Does the server still wait for this one?"""
    client.setblocking(False)
    try:
        while came := client.recv(65536):
            assert came
    except BlockingIOError:
        return True
    return False


def test_who_was_told_https_need_not_wait_to_see_that_it_is_none(site):
    made = Wire(Address(site.replace("http:", "https:"), "flb_key_secret"))
    with closing(made) as asked, pytest.raises(StoreUnavailable, match="it speaks no TLS"):
        asked.ask("list", {}, reads=True)


@pytest.mark.parametrize("begun", SLOW.values(), ids=SLOW)
def test_others_are_answered_while_slow_clients_are_waited_for(site, begun):
    with ExitStack() as stack:
        slow = [stack.enter_context(send(site, begun)) for _ in range(40)]
        for request in (ALIVE, LOGIN):
            assert answer(send(site, request, ENDED)).startswith(b"HTTP/1.1 200 OK")
        assert [client for client in slow if not is_open(client)] == []


def test_clients_that_do_not_hang_up_hold_nobody_up(site):
    with ExitStack() as stack:
        for _ in range(40):
            stack.enter_context(send(site, LOGIN, ENDED))
        last = send(site, ALIVE, ENDED)
        assert answer(last).startswith(b"HTTP/1.1 200 OK")


def test_where_too_many_wait_the_oldest_are_let_go(site):
    with ExitStack() as stack:
        waiting = [stack.enter_context(send(site, b"GET / HT")) for _ in range(450)]
        assert answer(send(site, ALIVE, ENDED)).startswith(b"HTTP/1.1 200 OK")
        assert (is_open(waiting[0]), is_open(waiting[-1])) == (False, True)


@pytest.mark.parametrize(
    "pieces",
    [
        (b"GET /healthz HT", b"TP/1.1\r\nHost: localhost\r\n", ENDED),
        (ALIVE, b"Content-Length: 3\r\n", ENDED, b"a", b"bc"),
        (ALIVE, CHUNKED, ENDED, b"3\r\nabc\r\n", b"0\r\n", b"\r\n"),
        (ALIVE + b"\r\n" + ALIVE, ENDED),
        (ALIVE + b"Content-Length: 3\r\n\r\nabc" + ALIVE + ENDED,),
    ],
)
def test_a_request_may_come_in_pieces_or_behind_another(site, pieces):
    answered = answer(send(site, *pieces))
    assert answered.count(b"HTTP/1.1 200 OK") == b"".join(pieces).count(b"GET")


def test_a_body_that_is_waited_for_is_asked_for(site):
    client = send(site, POST, b"Expect: 100-continue\r\nContent-Length: 3\r\n", ENDED)
    assert client.recv(25) == b"HTTP/1.1 100 Continue\r\n\r\n"
    client.sendall(b"a=b")
    assert b"HTTP/1.1 403 Forbidden" in answer(client)


def test_a_body_that_is_too_large_is_refused_in_the_words_of_the_api(site):
    told = answer(send(site, POST, b"Content-Length: 99999999\r\n\r\n" + b"x" * 200_000))
    assert json.loads(told.partition(b"\r\n\r\n")[2])["error"]["code"] == "too_large"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (POST + b"Content-Length: 99999999\r\n\r\n" + b"x" * 200_000, b"413 Content Too Large"),
        (ALIVE + b"no header\r\n\r\n", b"400 Bad Request"),
        (ALIVE + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab", b"400 Bad Request"),
        (ALIVE + CHUNKED + b"Content-Length: 5\r\n\r\n0\r\n\r\n", b"400 Bad Request"),
        (b"\r\n\r\n", b"400 Bad Request"),
        (b"GET /" + b"a" * 200_000, b"414 URI Too Long"),
    ],
)
def test_what_is_no_request_is_told_so(site, request_, status):
    assert answer(send(site, request_)).startswith(b"HTTP/1.1 " + status)
