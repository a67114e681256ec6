"""What an operator does is undone exactly, or not at all; and done to all that match."""

from html import unescape
from urllib.parse import urlencode

import pytest
from django.urls import reverse

from backlog.models import Card
from backlog.web.seen import Seen
from backlog.web.views import buttons
from tests.factories import CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

BLOCKED = "blocked again"
STATE = ("status", "phase", "priority", "block_reason", "block_note", "claim_owner", "answer")


@pytest.fixture(autouse=True)
def card_d(store, transactional_db):
    return CardFactory(id="D", phase="M1", priority=3)


@pytest.fixture
def press(admin_client):
    """Press a button for cards; the page that comes then."""

    def run(name: str, *cards: Card, **fields: str):
        data = {"action": name, "card": [str(Seen.of(card)) for card in cards], **fields}
        return admin_client.post(reverse("act"), data, follow=True)

    return run


@pytest.fixture
def undo(admin_client):
    """Press Undo on a page."""

    def run(page):
        return admin_client.post(reverse("act"), sent(page.text, "undo"), follow=True)

    return run


def state(card_id: str) -> dict[str, object]:
    return Card.objects.values(*STATE).get(pk=card_id)


@pytest.mark.parametrize(
    ("name", "before", "fields", "again"),
    [
        ("complete", {}, {}, "ready again"),
        ("reopen", {"done": True}, {"confirmed": "1"}, "done again"),
        ("unblock", {"blocked": True, "reason": "capability", "note": "a\nb & c"}, {}, BLOCKED),
        ("answer", {"blocked": True, "note": "which?"}, {"note": "this"}, BLOCKED),
        ("phase", {"phase": "M1"}, {"phase": "M 2"}, "in the phase of before"),
        ("phase", {}, {"phase": "M2"}, "in the phase of before"),
        ("priority", {"priority": -4}, {"priority": "9"}, "at the priority of before"),
    ],
)
def test_undo_leaves_a_card_as_it_was_and_says_so(press, undo, name, before, fields, again):
    card = CardFactory(id="A", **before)
    was = state("A")
    page = press(name, card, **fields)
    assert state("A") != was
    undone = undo(page)
    assert state("A") == was
    assert f"Undone: A is {again}." in undone.text


def test_a_block_is_undone_but_for_the_trace_of_it(press, undo, card_d):
    undo(press("block", card_d, reason="other", note="hm"))
    assert Card.objects.get(pk="D").status == "ready"


@pytest.mark.parametrize("name", ["release", "complete", "block", "reclaim"])
def test_what_takes_a_claim_away_has_no_undo(press, name):
    card = CardFactory(id="A", expired=True)
    page = press(name, card, confirmed="1", reason="other")
    assert ("A." in page.text, 'name="undo"' in page.text) == (True, False)


def test_a_block_that_took_an_answer_away_has_no_undo(press):
    CardFactory(id="A", blocked=True)
    card = Card.objects.unblock("A", note="this one")
    assert 'name="undo"' not in press("block", card, reason="other").text


@pytest.mark.parametrize(("name", "fields"), [("complete", {}), ("priority", {"priority": "9"})])
def test_what_leaves_an_answer_is_undone_and_leaves_it(press, undo, name, fields):
    CardFactory(id="A", blocked=True)
    card = Card.objects.unblock("A", note="this one")
    was = state("A")
    undo(press(name, card, **fields))
    assert state("A") == was


@pytest.mark.parametrize("note", ["which one?\n", " which", "a\rb"])
def test_a_note_that_no_form_would_send_again_has_no_undo(press, note):
    page = press("unblock", CardFactory(id="A", blocked=True, note=note))
    assert ("Unblocked A." in page.text, 'name="undo"' in page.text) == (True, False)


@pytest.mark.parametrize("back", ["nowhere", "cards", "//elsewhere/", "javascript:alert(1)"])
def test_what_is_done_leads_back_to_a_path_of_this_site(admin_client, card_d, back):
    data = {"action": "complete", "card": str(Seen.of(card_d)), "next": back}
    assert admin_client.post(reverse("act"), data)["Location"] == reverse("board")


def test_a_change_in_between_is_not_undone(press, undo, card_d):
    page = press("phase", card_d, phase="M2")
    Card.objects.edit("D", title="Changed meanwhile")
    answer = undo(page)
    assert (answer.status_code, "Changed meanwhile" in answer.text) == (409, True)
    assert state("D")["phase"] == "M2"


def test_cards_of_several_phases_go_back_each_to_its_own(press, undo, card_d):
    page = press("phase", card_d, CardFactory(id="A", phase="M2"), phase="M9")
    assert "Set the phase of 2 cards." in page.text
    assert "Undone: 2 cards are in the phase of before." in undo(page).text
    assert (state("A")["phase"], state("D")["phase"]) == ("M2", "M1")


def test_undo_is_for_who_may_do_what_it_does(client, press, undo, card_d):
    fields = sent(press("phase", card_d, phase="M2").text, "undo")
    assert client.post(reverse("act"), fields).status_code in (302, 403)
    assert state("D")["phase"] == "M2"


def test_a_script_is_given_the_message_alone(admin_client, card_d):
    data = {"action": "complete", "card": str(Seen.of(card_d))}
    page = admin_client.post(reverse("act"), data, headers={"HX-Request": "true"})
    assert ("Completed D." in page.text, "<main" in page.text) == (True, False)
    assert (page["HX-Retarget"], page["HX-Reselect"]) == (".messages", ".messages > *")
    nothing = admin_client.post(
        reverse("act"), {"action": "complete"}, headers={"HX-Request": "true"}
    )
    assert "select a card first" in nothing.text


@pytest.fixture
def all_of_m1(admin_client):
    """Press a button for all cards of M1; the page that asks."""
    CardFactory(id="A", phase="M1")
    CardFactory(id="B", phase="M1", blocked=True)
    data = {"action": "complete", "matching": "?phase=M1"}
    return admin_client.post(reverse("act"), data)


@pytest.mark.both_tiers
def test_all_that_match_are_numbered_and_confirmed(admin_client, all_of_m1):
    assert "Complete 2 cards?" in all_of_m1.text
    assert {*Card.objects.values_list("status", flat=True)} == {"ready", "blocked"}
    page = admin_client.post(reverse("act"), {**sent(all_of_m1.text, "confirmed")}, follow=True)
    assert "Completed 2 cards." in page.text


@pytest.mark.parametrize("many", [1, 100])
def test_of_all_that_match_what_changes_meanwhile_is_left_and_counted(
    admin_client, card_d, monkeypatch, many
):
    monkeypatch.setattr(buttons, "MANY", many)
    CardFactory(id="A", phase="M1")
    asks = admin_client.post(reverse("act"), {"action": "complete", "matching": "phase=M1"})
    Card.objects.edit("D", title="Changed")
    page = unescape(admin_client.post(reverse("act"), sent(asks.text, "confirmed")).text)
    assert "Completed 1 card; 1 refused" in page
    assert "1 had changed since you looked" in page
    assert (state("A")["status"], state("D")["status"]) == ("done", "ready")


def test_more_than_anybody_means_is_refused(admin_client, card_d, monkeypatch):
    monkeypatch.setattr(buttons, "MOST", 0)
    answer = admin_client.post(reverse("act"), {"action": "complete", "matching": ""})
    assert (answer.status_code, "filter the list first" in answer.text) == (400, True)


@pytest.mark.parametrize(
    "fields",
    [
        {"action": "complete", "cards": "["},
        {"action": "complete", "cards": "[1]"},
        {"action": "complete", "cards": "[" * 100_000},
        {"action": "complete", "matching": "status=odd"},
        {"undo": "action=explode"},
        {"undo": urlencode({"action": "phase", "card": "A"})},
    ],
)
def test_what_no_page_sends_is_refused(admin_client, fields):
    assert admin_client.post(reverse("act"), fields).status_code == 400


def test_the_list_offers_all_that_match_where_there_are_more_than_it_shows(admin_client):
    for n in range(51):
        CardFactory(id=f"c{n}", phase="M2")
    assert "all 51 that match" in admin_client.get("/cards/?phase=M2").text
    assert 'name="matching"' not in admin_client.get("/cards/?phase=M1").text
