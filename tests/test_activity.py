"""The page of all events: paged by id, narrowed, and cheap at its far end."""

import re

import pytest

from backlog.models import Card, Event
from backlog.web.queries import activity as verbs
from backlog.web.queries.activity import activity
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.quick, pytest.mark.one_tier]


@pytest.fixture
def small_pages(monkeypatch):
    monkeypatch.setattr(verbs, "PAGE", 3)


def _make(number: int) -> None:
    for n in range(number):
        CardFactory(id=f"A{n}")


def _ids(found) -> list[str]:
    return [event.card_id for event in found.events]


def _link(page, name: str) -> str | None:
    found = re.search(rf'href="(\?[^"]*)">{name}<', page.text)
    return found and found[1].replace("&amp;", "&")


def test_the_newest_events_of_all_cards_come_first(admin_client):
    _make(2)
    Card.objects.claim("worker-7")
    page = admin_client.get("/activity/")
    shown = [(event.verb, event.card_id) for event in page.context["events"]]
    assert shown == [("claim", "A0"), ("create", "A1"), ("create", "A0")]
    assert '<a href="/card/A0/">A0</a>' in page.text


@pytest.mark.both_tiers
@pytest.mark.usefixtures("small_pages")
def test_pages_lead_to_the_oldest_event_and_back(admin_client):
    _make(8)
    first = admin_client.get("/activity/")
    second = admin_client.get("/activity/" + _link(first, "Older"))
    third = admin_client.get("/activity/" + _link(second, "Older"))
    assert [_ids(page.context["found"]) for page in (first, second, third)] == [
        ["A7", "A6", "A5"],
        ["A4", "A3", "A2"],
        ["A1", "A0"],
    ]
    assert (_link(first, "Newer"), _link(third, "Older")) == (None, None)
    back = admin_client.get("/activity/" + _link(third, "Newer"))
    assert _ids(back.context["found"]) == ["A4", "A3", "A2"]
    first_again = admin_client.get("/activity/" + _link(back, "Newer"))
    assert _ids(first_again.context["found"]) == ["A7", "A6", "A5"]
    assert _link(first_again, "Newer") is None


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("actor=w", [("claim", "A0")]),
        ("verb=block", [("block", "A1")]),
        ("card=A1", [("block", "A1"), ("create", "A1")]),
        ("actor=w&card=A1", []),
        ("before=1", []),
        ("after=9223372036854775807", []),
    ],
)
def test_events_are_narrowed_by_the_url(admin_client, query, shown):
    _make(2)
    Card.objects.claim("w")
    Card.objects.block("A1")
    page = admin_client.get(f"/activity/?{query}")
    assert [(event.verb, event.card_id) for event in page.context["events"]] == shown


@pytest.mark.usefixtures("small_pages")
def test_the_links_keep_what_the_events_are_narrowed_by(admin_client):
    _make(5)
    page = admin_client.get("/activity/?verb=create&actor=")
    assert re.fullmatch(r"\?verb=create&before=\d+", _link(page, "Older"))


@pytest.mark.both_tiers
def test_what_is_rare_is_found_however_long_ago_it_was(session):
    _make(1)
    sql = """
        INSERT INTO backlog_event (card_id, actor, verb, attempt)
        SELECT 'B', 'w', 'edit', 0 FROM generate_series(1, 5000)"""
    session.execute(sql)
    assert _ids(activity(Event.objects.filter(card="A0"))) == ["A0"]


@pytest.mark.parametrize("query", ["before=x", "after=-1", "actor=%00", "card=a%00"])
def test_what_cannot_be_asked_for_is_refused(admin_client, query):
    assert admin_client.get(f"/activity/?{query}").status_code == 400


def test_a_reason_is_said_in_the_words_of_pages(admin_client):
    CardFactory(id="A", blocked=True, reason="needs_input", note="which: 1 or 2?")
    Card.objects.comment("A", "needs_input: no")
    page = admin_client.get("/activity/").text
    assert "needs an answer: which: 1 or 2?" in page
    assert "needs_input: no" in page
