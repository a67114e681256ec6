"""Buttons on the pages: for one card or many, never for what was not seen."""

from html import unescape
from typing import Any

import pytest
from django.urls import reverse

from backlog.errors import Cancelled
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, READY
from backlog.models import Card, Event
from backlog.web.buttons import BUTTONS
from backlog.web.seen import Seen
from tests.factories import CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier, pytest.mark.quick]


@pytest.fixture(autouse=True)
def card_d(store, transactional_db):
    return CardFactory(id="D")


@pytest.fixture
def card_a(card_d):
    return CardFactory(id="A")


@pytest.fixture
def expired():
    """The card A, whose lease is over."""
    return CardFactory(id="A", expired=True)


def _in_status(status: str, **more: Any) -> Card:
    more |= {"expired": True} if status == CLAIMED else {"status": status}
    if more.pop("in_review", False):
        card = CardFactory(id="A", gated=True, claimed=True)
        return Card.objects.complete(card.pk)
    return CardFactory(id="A", **more)


def _post(client, button: str, *cards: Card, **more):
    data = {"action": button, "card": [str(Seen.of(card)) for card in cards], **more}
    return client.post(reverse("act"), data)


# What a card has that a button is for.
FOR: dict[str, Any] = {"request-changes": {"in_review": True}, "publish": {"draft": True}}
FIELDS = {
    **{"answer": {"note": "8080"}, "comment": {"note": "hm"}},
    "block": {"reason": "needs_input", "note": "which one?"},
    "cancel": {"reason": "the plan changes"},
    "priority": {"priority": "7"},
    "phase": {"phase": "M9"},
    "link": {"dependency": "D"},
    "unlink": {"dependency": "D"},
    "drop": {"reason": "not needed"},
    "verify": {"criterion": "1", "verdict": "passed", "evidence": "ci run 7"},
    "request-changes": {"note": "the docs"},
}
# Of a button that moves the card.
AFTER = {
    **{"complete": DONE, "drop": DONE, "block": BLOCKED, "cancel": BLOCKED},
    **dict.fromkeys(("unblock", "answer", "reopen", "release", "reclaim"), READY),
    "request-changes": READY,
}


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("name", "status"), [(a.name, status) for a in BUTTONS.values() for status in a.statuses]
)
def test_every_button_works_from_every_status_it_is_offered_in(admin_client, name, status):
    card = _in_status(status, **FOR.get(name, {}))
    answer = _post(admin_client, name, card, confirmed="1", **FIELDS.get(name, {}))
    assert (answer.status_code, answer.url) == (302, "/")
    left = [] if name == "delete" else [AFTER.get(name, status)]
    assert [card.status for card in Card.objects.filter(pk="A")] == left


def test_a_lease_renewed_since_the_page_was_made_is_not_reclaimed(admin_client, expired):
    Card.objects.renew("A", "w", 1)
    answer = _post(admin_client, "reclaim", expired)
    assert (answer.status_code, "its lease is not over" in answer.text) == (409, True)
    assert Card.objects.get(pk="A").status == CLAIMED


def test_a_block_keeps_its_reason_and_who_gave_it(admin_client, card_a):
    _post(admin_client, "block", card_a, **FIELDS["block"])
    blocked, event = Card.objects.get(pk="A"), Event.objects.filter(card_id="A").newest_first()[0]
    assert (blocked.block_reason, blocked.block_note) == ("needs_input", "which one?")
    assert (event.verb, event.actor, event.note) == ("block", "admin", "needs_input: which one?")


def test_an_answer_keeps_its_lines_and_who_gave_it(admin_client):
    _post(admin_client, "answer", _in_status(BLOCKED), note="8080\r\nor 8081")
    event = Event.objects.filter(card_id="A").newest_first()[0]
    assert (event.verb, event.actor, event.note) == ("unblock", "admin", "8080\nor 8081")
    assert Card.objects.get(pk="A").answer == "8080\nor 8081"


def test_what_was_typed_comes_back_with_a_refusal(admin_client):
    asks = _in_status(BLOCKED)
    Card.objects.edit("A", title="Changed meanwhile")
    page = _post(admin_client, "answer", asks, note="take <8080>")
    assert "take <8080>" in unescape(page.text)
    assert "Answer and unblock after all" in page.text
    admin_client.post(reverse("act"), {**sent(page.text, "note"), "action": "answer"})
    assert Card.objects.get(pk="A").answer == "take <8080>"


def test_a_drop_that_does_not_say_what_becomes_of_others_is_sent_again(admin_client, card_a):
    CardFactory(id="B", depends_on=["A"])
    page = _post(admin_client, "drop", card_a, reason="twice", duplicate_of="B")
    assert (page.status_code, "B waits for it;" in page.text) == (409, True)
    form = {**sent(page.text, "duplicate_of"), "dependents": "proceed", "action": "drop"}
    assert (form["reason"], form["duplicate_of"]) == (["twice"], ["B"])
    assert admin_client.post(reverse("act"), form).status_code == 302
    assert Card.objects.get(pk="A").resolution == "duplicate"


def test_a_comment_on_a_card_that_changed_meanwhile_is_made(admin_client, card_a):
    Card.objects.edit("A", title="Changed meanwhile")
    assert _post(admin_client, "comment", card_a, note="hm").status_code == 302
    assert Event.objects.filter(card_id="A").newest_first()[0].note == "hm"


def test_a_refusal_names_the_last_change_and_no_comment(admin_client, card_a):
    Card.objects.edit("A", title="Changed meanwhile")
    Card.objects.comment("A", "hm")
    assert "(edit by" in _post(admin_client, "complete", card_a).text


def test_a_cancelled_worker_hears_of_it_at_its_next_renewal(admin_client, expired):
    _post(admin_client, "cancel", expired, confirmed="1", **FIELDS["cancel"])
    with pytest.raises(Cancelled, match="cancelled: the plan changes"):
        Card.objects.renew("A", "w", 1)


def test_a_cancel_needs_no_reason(admin_client, card_a):
    _post(admin_client, "cancel", card_a, reason="")
    assert Card.objects.get(pk="A").block_note == "cancelled"


def test_a_cancel_of_work_asks_once_and_keeps_the_reason_that_was_typed(admin_client, expired):
    page = _post(admin_client, "cancel", expired, reason="the plan changes")
    assert "Its worker is told at its next renewal" in page.text
    assert 'value="the plan changes"' in page.text
    assert Card.objects.get(pk="A").status == CLAIMED


def test_many_cards_are_cancelled_for_one_reason(admin_client, card_a, card_d):
    page = _post(admin_client, "cancel", card_a, card_d, reason="late")
    assert page.status_code == 302
    assert {*Card.objects.values_list("block_note", flat=True)} == {"cancelled: late"}


@pytest.mark.parametrize("name", [name for name in BUTTONS if name != "comment"])
def test_a_card_changed_meanwhile_is_shown_fresh_and_left_alone(admin_client, card_a, name):
    Card.objects.edit("A", title="Changed meanwhile")
    fresh = Card.objects.get(pk="A")
    answer = _post(admin_client, name, card_a, confirmed="1", **FIELDS.get(name, {}))
    assert (answer.status_code, "Changed meanwhile" in answer.text) == (409, True)
    assert Card.objects.get(pk="A").updated_at == fresh.updated_at


@pytest.mark.parametrize(
    ("name", "status"),
    [("release", CLAIMED), ("cancel", CLAIMED), ("reopen", DONE), ("delete", READY)],
)
def test_what_takes_something_away_asks_once(admin_client, name, status):
    seen = _in_status(status)
    page = _post(admin_client, name, seen)
    assert (page.status_code, 'name="confirmed"' in page.text) == (200, True)
    assert Card.objects.get(pk="A").updated_at == seen.updated_at


def test_what_a_button_needs_to_know_is_asked_for(admin_client, card_a):
    assert 'name="reason"' in _post(admin_client, "block", card_a).text


def test_a_wrong_value_is_an_error_of_the_form(admin_client, card_a):
    page = _post(admin_client, "priority", card_a, priority="many")
    assert (page.status_code, "Enter a whole number" in page.text) == (200, True)


def test_many_cards_have_an_outcome_each(admin_client, card_a, card_d):
    Card.objects.edit("D", title="Changed")
    page = unescape(_post(admin_client, "complete", card_a, card_d).text)
    assert "Completed 1 card; 1 refused" in page
    assert "look at it again" in page


def test_a_cycle_is_refused_in_plain_words(admin_client, card_a):
    Card.objects.link("D", "A")
    answer = _post(admin_client, "link", card_a, dependency="D")
    assert (answer.status_code, "waits for A" in unescape(answer.text)) == (409, True)
    assert ("Try again" in answer.text, "after all" in answer.text) == (True, False)


def test_nothing_selected_is_said(admin_client):
    page = admin_client.post(reverse("act"), {"action": "complete"}, follow=True)
    assert "select a card first" in page.text


def test_a_button_that_does_not_exist_is_refused(admin_client, card_a):
    assert _post(admin_client, "explode", card_a).status_code == 400


@pytest.mark.parametrize("seen", ["", "A", "ready A", "ready 2026 A", "odd 2026-01-01T00:00:00Z A"])
def test_a_card_that_was_never_seen_is_refused(admin_client, card_a, seen):
    answer = admin_client.post(reverse("act"), {"action": "complete", "card": seen})
    assert answer.status_code == 400


def test_the_way_back_is_never_another_site(admin_client, card_a):
    answer = _post(admin_client, "complete", card_a, next="https://evil.example/")
    assert answer.url == "/"


def test_a_card_deleted_meanwhile_is_said_to_be_gone(admin_client, card_a):
    Card.objects.delete_card("A")
    assert _post(admin_client, "complete", card_a).status_code == 404
