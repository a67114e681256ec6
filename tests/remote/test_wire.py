"""The way to the server: kept when it breaks, told apart from what it leads to, and never a secret
in what is said of it."""

import json
import subprocess
from contextlib import ExitStack, closing
from http.client import HTTPConnection, HTTPSConnection
from socket import SHUT_RDWR

import pytest

from backlog.errors import Busy, ClaimLost, Refusal, StoreUnavailable, UsageError
from backlog.verbs import moves
from backlog.verbs.output import output as kept
from remote.client.address import Address
from remote.client.following import _Tail
from remote.client.wire import Wire
from tests import face
from tests.stores.test_tls import OPENSSL
from tests.worker import begun, last_run, status_of, working

pytestmark = pytest.mark.one_tier


@pytest.fixture
def wire_to(served, store):
    """Makes a connection to a server for w, by its URL."""
    with ExitStack() as opened:
        yield lambda url: opened.enter_context(closing(Wire(Address(url, face.token()))))


def cut(app, times, before=False):
    """The site, but for the first answers, whose connections end `before` anything is done, or once
    all is."""
    left = [None] * times

    def answer(environ, start):
        response = None if left and before else app(environ, start)
        if left:
            left.pop()
            environ["connection"].shutdown(SHUT_RDWR)
            raise ConnectionResetError
        return response

    return answer


@pytest.mark.parametrize("before", [True, False], ids=["before it is done", "once it is done"])
def test_a_server_that_goes_in_the_middle_of_a_claim_claims_one_card(wire_to, card, row, before):
    card("A")
    card("B")
    with face.serving(cut(face.site(), 2, before)) as url:
        found = wire_to(url).ask("claim", {"owner": "w"}).document
    assert found["id"] == "A"
    assert row("status, attempts") == ("claimed", 1)
    assert row("status", "B") == ("ready",)


def test_a_completion_that_is_sent_again_is_answered_as_the_first_time(wire_to, claimed, session):
    with face.serving(cut(face.site(), 1)) as url:
        given = {"id": "A", "owner": "w", "attempt": 1, "summary": "s"}
        done = wire_to(url).ask("complete", given).document
    assert (done["status"], last_run(session, "A").summary) == ("done", "s")


def answering(status, body=b"", *headers):
    def answer(environ, start):
        start(status, [("Content-Type", "text/html"), *headers])
        return [body]

    return answer


def error(code):
    return json.dumps({"error": {"code": code, "message": "why"}}).encode()


@pytest.mark.parametrize(
    ("app", "kind", "said"),
    [
        (answering("404 Not Found", b"<html>"), StoreUnavailable, "is it the address"),
        (answering("200 OK", b"<html>"), StoreUnavailable, "answers 200 OK"),
        (answering("301 M", b"", ("Location", "https://b/")), StoreUnavailable, "it leads to"),
        (answering("502 Bad Gateway"), StoreUnavailable, "answers 502"),
        (answering("503 S", error("store_unavailable")), StoreUnavailable, "why"),
        (answering("423 L", error("claim_lost")), ClaimLost, "why"),
        (answering("429 T", error("too_many_failures")), Refusal, "why"),
        (answering("422 U", error("of tomorrow")), UsageError, "why"),
        (answering("200 OK", b'{"status":0,"json":' + b"[" * 10**5), StoreUnavailable, "is it the"),
        (answering("200 K", b'{"status":0,"json":1,"text":5,"note":""}'), StoreUnavailable, " K: "),
        (answering("409 C", b"[" * 10**5), StoreUnavailable, "answers 409"),
        (answering("503 S", error("busy"), ("Retry-After", "\xb2")), Busy, "why"),
        (cut(answering("200 OK"), 9), StoreUnavailable, "cannot be reached: Remote end closed"),
    ],
)  # fmt: skip
def test_what_is_no_answer_is_a_refusal(app, kind, said):
    with face.serving(app) as url, pytest.raises(kind, match=said) as refused:
        Wire(Address(url, "flb_key_secret"), patience=0).ask("claim", {})
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({}, "BACKLOG_URL must be an address such as"),
        ({"BACKLOG_URL": "b.example"}, "BACKLOG_URL must be an address such as"),
        ({"BACKLOG_URL": "https://b:port"}, "BACKLOG_URL must be an address such as"),
        ({"BACKLOG_URL": "https://b/api/v1/"}, "must be the address of the site, without /api/v1"),
        ({"BACKLOG_URL": "https://u:secret@b"}, "BACKLOG_URL must be an address alone"),
        ({"BACKLOG_URL": "https://b?token=secret"}, "BACKLOG_URL must be an address alone"),
        ({"BACKLOG_URL": "https://b"}, "BACKLOG_TOKEN must be set"),
        ({"BACKLOG_URL": "https://b", "BACKLOG_TOKEN": "a secret"}, "BACKLOG_TOKEN must be a"),
        ({"BACKLOG_URL": "http://b", "BACKLOG_TOKEN": "secret"}, "must be https"),
        ({"BACKLOG_URL": "http://127.1.2.3.b", "BACKLOG_TOKEN": "secret"}, "must be https://…"),
        ({"BACKLOG_URL": "https://b", "BACKLOG_TOKEN": "secret\n"}, None),
    ],
)  # fmt: skip
def test_an_address_is_checked_and_no_secret_repeated(named, said):
    if said is None:
        assert Address.of(named) == Address("https://b", "secret")
        return
    with pytest.raises(UsageError, match=said) as refused:
        Address.of(named)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "more"),
    [
        ("http://127.0.0.1:8000", {}),
        ("http://[::1]", {}),
        ("http://localhost/of/us", {}),
        ("http://b", {"BACKLOG_PLAIN_HTTP": "on"}),
    ],
)
def test_a_token_goes_unencrypted_to_this_host_or_where_that_is_allowed(url, more):
    assert Address.of({"BACKLOG_URL": url, "BACKLOG_TOKEN": "secret", **more}).url == url


@pytest.mark.parametrize(
    ("url", "environ", "host", "tunnel", "path"),
    [
        ("http://b/x", {}, "b", None, "/x/api/v1/"),
        ("http://b/x", {"http_proxy": "http://u:p@p:3128"}, "p", None, "http://b/x/api/v1/"),
        ("https://b", {"HTTPS_PROXY": "p:3128"}, "p", "b", "/api/v1/"),
        ("https://b", {"HTTPS_PROXY": "http://p", "NO_PROXY": "b"}, "b", None, "/api/v1/"),
        ("https://b", {"HTTP_PROXY": "http://p"}, "b", None, "/api/v1/"),
    ],
)
def test_the_way_goes_through_the_proxy_that_the_environment_names(
    monkeypatch, url, environ, host, tunnel, path
):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    way = Address(url, "t").way(1)
    kind = HTTPSConnection if url.startswith("https") else HTTPConnection
    assert (type(way.connection), way.connection.host, way.path) == (kind, host, path)
    assert getattr(way.connection, "_tunnel_host", None) == tunnel
    assert ("Proxy-Authorization" in way.headers) == ("u:p" in str(environ))


def test_a_certificate_is_believed_that_ssl_cert_file_names(wire_to, tmp_path, monkeypatch):
    made, key = tmp_path / "crt", tmp_path / "key"
    subprocess.run([*OPENSSL, "-keyout", key, "-out", made], check=True, capture_output=True)
    with face.serving(face.site(), (made, key)) as url:
        with pytest.raises(StoreUnavailable, match="self-signed certificate"):
            wire_to(url).ask("stats", {}, reads=True)
        monkeypatch.setenv("SSL_CERT_FILE", str(made))
        assert wire_to(url).ask("stats", {}, reads=True).document["total"] == "0"


def test_events_are_followed_without_a_gap_however_many_come(served, wire_to, card):
    card("A")
    events, wire = _Tail(1), wire_to(served)
    assert [each.verb for each in events.poll(wire)] == ["create"]
    assert events.poll(wire) == []
    ids = [f"B{n}" for n in range(250)]
    for card_id in ids:
        card(card_id)
    assert [each.card_id for each in events.poll(wire)] == ids
    assert events.poll(wire) == []


def test_a_worker_sees_to_cards_over_http(served, session, card):
    card("A")
    card("B", needs=["A"], max_attempts=1)
    script = r"""[ $BACKLOG_CARD_ID = B ] && exit 3; printf '\377\n{"summary":"s","tokens":0}\n' """
    env = face.names(served, "work", "--owner", "w")
    with working(script, "--drain", env=env) as worker:
        assert worker.ends() == 0
    assert [last_run(session, each).outcome for each in "AB"] == ["completed", "failed"]
    assert (last_run(session, "A").tokens, status_of(session, "B")) == (0, "blocked")
    assert kept(session, "A").text.startswith("\udcff\n{")


def test_a_worker_whose_lease_is_lost_ends_its_command(served, session, card):
    card("A")
    env = face.names(served, "work", "--owner", "w")
    with begun("echo pid $$ >&2; sleep 1000", "--ttl", "3", "--once", env=env) as worker:
        moves.cancel(session, "A")
        worker.says("what=cancelled")
        assert worker.ends() == 1
    assert status_of(session, "A") == "blocked"
