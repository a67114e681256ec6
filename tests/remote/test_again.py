"""Calls that are sent again, and calls that wait."""

import pytest
from django.db import connection

from backlog.verbs import cards
from remote import words
from remote.api import waiting
from remote.verbs import answers

pytestmark = pytest.mark.one_tier

KEY = {"Idempotency-Key": "1"}


def test_a_call_that_is_sent_again_is_answered_as_at_first(api, caller, card, row):
    card("A")
    card("B")
    first = api("claim", {"ttl": 60}, KEY)
    assert api("claim", {"ttl": 60}, KEY).content == first.content
    assert row("status", "B") == ("ready",)
    assert caller("v")("claim", {"ttl": 60}, KEY).json()["id"] == "B"  # another's key


def test_nothing_to_claim_is_kept_too(api, card):
    assert api("claim", {}, KEY).content == b"null\n"
    card("A")
    assert api("claim", {}, KEY).content == b"null\n"


@pytest.mark.parametrize(("verb", "given"), [("claim", {"ttl": 61}), ("heartbeat", {"ttl": 60})])
def test_a_key_is_of_one_verb_and_body(api, verb, given):
    api("claim", {"ttl": 60}, KEY)
    assert api(verb, given, KEY).status_code == 422


@pytest.mark.parametrize("key", [" ", "k" * 256])
def test_a_key_is_a_line_of_some_length(api, key):
    assert api("claim", {}, {"Idempotency-Key": key}).status_code == 422


def test_what_was_refused_is_tried_anew(api, card, row):
    assert api("comment", {"id": "A", "note": "n"}, KEY).status_code == 404
    card("A")
    assert api("comment", {"id": "A", "note": "n"}, KEY).status_code == 200


@pytest.mark.parametrize("form", ["", "; form=text"])
@pytest.mark.parametrize("verb", ["webhook/add", "webhook/rotate"])
def test_a_secret_is_told_once_and_not_kept(caller, session, verb, form):
    accept = {"Accept": f"application/vnd.backlog.reply+json{form}"}
    given = {"url": "https://example.org/", "events": "card.blocked"}
    called = caller("o", "operate")
    if verb == "webhook/rotate":
        given = {"webhook": called("webhook/add", given).json()["id"]}
    first, again = (called(verb, given, KEY | accept) for _ in "12")
    assert (b"whsec_" in first.content, b"whsec_" in again.content) == (True, False)
    assert again.json()["text"] or again.json()["json"] == first.json()["json"] | {"secret": None}
    assert "whsec_" not in session.execute("SELECT body FROM remote_answer").fetchone()[0]
    assert session.execute("SELECT count(*) FROM hooks_subscription").fetchone() == (1,)


def test_the_same_call_at_the_same_time_is_told_so(api, card, sessions, session):
    card("A")
    held = sessions()
    key = session.execute("SELECT key FROM remote_token").fetchone()[0]
    with held.transaction():
        held.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 7461))", [f"{key} 1"])
        again = api("claim", {}, KEY)
    assert (again.status_code, again.json()["error"]["code"]) == (409, "being_answered")
    assert api("claim", {}, KEY).json()["id"] == "A"


def test_answers_are_forgotten_after_a_day(api, session):
    api("claim", {}, KEY)
    session.execute("UPDATE remote_answer SET at = at - interval '25 hours'")
    assert answers.forget(session) == []
    assert session.execute("SELECT count(*) FROM remote_answer").fetchone() == (0,)


def test_a_claim_waits_without_a_connection_and_takes_what_comes(api, session, monkeypatch):
    def come(seconds):
        assert connection.connection is None
        cards.create(session, "A", "title")

    monkeypatch.setattr(waiting.ROOM.ended, "wait", come)
    assert api("claim", {}, KEY, wait=60).json()["id"] == "A"
    assert api("claim", {}, KEY, wait=60).json()["id"] == "A"


def test_who_hung_up_before_a_busy_server_came_to_it_has_claimed_nothing(
    api, card, row, monkeypatch
):
    card("A")
    monkeypatch.setattr(waiting, "_has_gone", lambda request: True)
    assert api("claim").status_code == 499
    assert row("status, attempts") == ("ready", 0)


def test_what_else_is_asked_is_done_for_who_has_hung_up(api, claimed, row, monkeypatch):
    monkeypatch.setattr(waiting, "_has_gone", lambda request: True)
    assert api("complete", {"id": "A", "attempt": 1}).status_code == 200
    assert row("status") == ("done",)


@pytest.mark.parametrize("headers", [KEY, {}], ids=["with a key", "without"])
def test_who_hangs_up_while_it_is_claimed_has_claimed_nothing(
    api, session, row, monkeypatch, headers
):
    gone = iter([False, False, True])
    monkeypatch.setattr(waiting, "_has_gone", lambda request: next(gone))
    monkeypatch.setattr(waiting.ROOM.ended, "wait", lambda _: cards.create(session, "A", "title"))
    assert api("claim", {}, headers, wait=60).status_code == 499
    assert row("status, attempts, claim_owner") == ("ready", 0, None)
    monkeypatch.undo()
    assert api("claim", {}, headers, wait=60).json()["attempts"] == 1


@pytest.mark.parametrize("given", [{}, {"count": 1}])
@pytest.mark.parametrize("form", [words.JSON, words.REPLY, words.FOR_PEOPLE])
def test_a_claim_that_may_wait_takes_one_card_in_whatever_form(
    api, card, row, monkeypatch, form, given
):
    card("A")
    card("B")
    monkeypatch.setattr(waiting.ROOM.ended, "wait", lambda _: True)
    assert "A" in api("claim", given, {"Accept": form}, wait=60).text
    assert (row("status", "A"), row("status", "B")) == (("claimed",), ("ready",))


def test_a_wait_ends_with_its_time_and_with_the_server(api, monkeypatch):
    assert api("claim", {"wait": 1}).content == b"null\n"
    monkeypatch.setattr(waiting.ROOM.ended, "wait", lambda seconds: True)
    assert api("claim", wait=60).content == b"null\n"


def test_there_is_room_for_some_who_wait(api, card, monkeypatch):
    monkeypatch.setattr(waiting.ROOM, "most", 0)
    refused = api("claim", wait=60)
    assert (refused.status_code, refused["Retry-After"]) == (503, "1")
    card("A")
    assert api("claim", wait=60).json()["id"] == "A"


@pytest.mark.parametrize(
    ("given", "query"),
    [
        ({"id": "A"}, {"wait": 1}),
        ({}, {"wait": 61}),
        ({}, {"wait": "x"}),
        ({"wait": 1}, {"wait": 1}),
    ],
)
def test_a_wait_that_makes_no_sense_is_refused(api, given, query):
    assert api("claim", given, **query).status_code == 422
