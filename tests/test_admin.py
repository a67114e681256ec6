"""The admin: changes go through the verbs, and what they refuse is an error in plain words."""

from html import unescape

import pytest
from django.urls import reverse

from backlog.models import Card

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def cards(store, transactional_db):
    Card.objects.create(id="A", title="First")
    Card.objects.create(id="B", title="Second", depends_on=["A"])


def _form(card: Card | None = None, **changes: str) -> dict[str, str]:
    filled = {"title": "New", "priority": "0", "id": "N"}
    if card is not None:
        filled = {
            "title": card.title,
            "priority": str(card.priority),
            "depends_on": ", ".join(card.depends_on),
            "seen": card.updated_at.isoformat(),
        }
    return {**filled, **changes}


def _change(client, card_id: str, **changes: str):
    card = Card.objects.get(pk=card_id)
    url = reverse("admin:backlog_card_change", args=[card_id])
    return client.post(url, _form(card, **changes))


def _act(client, action: str, *card_ids: str):
    data = {"action": action, "_selected_action": card_ids}
    return unescape(client.post(reverse("admin:backlog_card_changelist"), data, follow=True).text)


def test_a_card_is_added(admin_client):
    admin_client.post(reverse("admin:backlog_card_add"), _form(depends_on="A, B", acceptance="x"))
    card = Card.objects.get(pk="N")
    assert (card.depends_on, card.acceptance) == (["A", "B"], ["x"])


def test_an_id_that_is_taken_is_an_error_of_the_form(admin_client):
    page = admin_client.post(reverse("admin:backlog_card_add"), _form(id="A"))
    assert "there is a card A already" in unescape(page.text)


def test_a_card_is_changed(admin_client):
    assert _change(admin_client, "B", title="Other").status_code == 302
    assert Card.objects.get(pk="B").title == "Other"


def test_a_cycle_is_an_error_of_the_form(admin_client):
    assert "waits for A" in unescape(_change(admin_client, "A", depends_on="B").text)


def test_a_self_link_is_an_error_of_the_form(admin_client):
    assert "A cannot depend on itself" in unescape(_change(admin_client, "A", depends_on="A").text)


def test_a_card_changed_meanwhile_is_not_overwritten(admin_client):
    stale = Card.objects.get(pk="A").updated_at.isoformat()
    Card.objects.edit("A", title="Changed meanwhile")
    page = _change(admin_client, "A", title="Mine", seen=stale)
    assert "look at it again" in unescape(page.text)
    assert Card.objects.get(pk="A").title == "Changed meanwhile"


def test_an_action_tells_what_became_of_each_card(admin_client):
    Card.objects.block("A")
    page = _act(admin_client, "complete", "A", "B")
    assert "Cannot complete A: it is blocked" in page
    assert "Complete: B" in page


def test_a_card_that_others_wait_for_cannot_be_deleted(admin_client):
    page = admin_client.post(reverse("admin:backlog_card_delete", args=["A"]), {"post": "yes"})
    assert "B waits for A" in unescape(page.text)
    assert Card.objects.filter(pk="A").exists()


def test_a_card_nobody_waits_for_is_deleted(admin_client):
    admin_client.post(reverse("admin:backlog_card_delete", args=["B"]), {"post": "yes"})
    assert not Card.objects.filter(pk="B").exists()


def test_selected_cards_are_deleted_together_when_they_wait_for_each_other_only(admin_client):
    data = {"action": "delete_selected", "_selected_action": ["A", "B"], "post": "yes"}
    admin_client.post(reverse("admin:backlog_card_changelist"), data)
    assert not Card.objects.exists()


@pytest.mark.parametrize("query", ["", "?q=First", "?status=ready", "?state=claimable", "?o=5"])
def test_the_list_shows_filters_and_orders(admin_client, query):
    page = admin_client.get(reverse("admin:backlog_card_changelist") + query)
    assert "First" in page.text


def test_the_list_says_what_a_card_waits_for(admin_client):
    page = admin_client.get(reverse("admin:backlog_card_changelist"))
    assert "waiting on 1" in page.text
