"""Drafts: what is not claimed before it is published says so, and is published where it stands."""

import pytest
from django.urls import reverse

from backlog.models import Card
from backlog.verbs.doctor import everything
from backlog.verbs.drop import drop
from backlog.web.seen import Seen
from fleet.verbs.plans import publish
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier, pytest.mark.quick]

PUBLISH = 'value="publish"'
MARK = 'class="draft" href="/card/A/#press-publish">draft</a>'


def _publish(client, *cards: Card):
    seen = [str(Seen.of(card)) for card in cards]
    return client.post(reverse("act"), {"action": "publish", "card": seen}, follow=True)


@pytest.mark.both_tiers
def test_a_draft_is_explained_as_one_until_it_is_published(call):
    CardFactory(id="A", draft=True)
    assert call("explain", "--id", "A").out == (
        "A: waiting\na draft: not claimed before it is published (edit --draft off)\n"
    )
    found = call("explain", "--id", "A", "--json").json
    assert (found["claimable"], found["draft"]) == (False, True)
    call("edit", "--id", "A", "--draft", "off")
    assert call("explain", "--id", "A").out == "A: claimable\n"


@pytest.mark.parametrize("page", ["/", "/cards/"])
def test_a_draft_is_marked_where_cards_stand_and_published_there(admin_client, page):
    drafts = [CardFactory(id="A", phase="M1", draft=True), CardFactory(id="B", draft=True)]
    shown = admin_client.get(page).text
    assert (MARK in shown, PUBLISH in shown) == (True, True)
    assert "Published 2 cards." in _publish(admin_client, *drafts).text
    assert Card.objects.filter(claimable=True).count() == 2
    shown = admin_client.get(page).text
    assert (">draft<" in shown, PUBLISH in shown) == (False, False)


@pytest.mark.parametrize("state", [{}, {"blocked": True}])
def test_the_page_of_a_draft_has_the_button_for_whom_it_is(admin_client, viewer, state):
    CardFactory(id="A", draft=True, **state)
    page = admin_client.get("/card/A/").text
    # On a phone its actions stand elsewhere.
    assert (page.count(PUBLISH), ">draft</span>" in page) == (2, True)
    assert ("nobody claims it before it is published" in page) == (not state)
    assert PUBLISH not in viewer.get("/card/A/").text


def test_what_is_no_draft_has_no_button_and_stays_as_it_is(admin_client):
    card = CardFactory(id="A")
    assert PUBLISH not in admin_client.get("/card/A/").text
    _publish(admin_client, card)
    assert Card.objects.get(pk="A").updated_at == card.updated_at


def test_the_admin_says_that_a_card_is_a_draft(admin_client):
    CardFactory(id="A", draft=True)
    assert ">draft<" in admin_client.get(reverse("admin:backlog_card_changelist")).text


def test_drafts_of_long_ago_are_found_and_published(admin_client, call, session, past_triggers):
    CardFactory(id="A", draft=True)
    CardFactory(id="B", draft=True)
    assert call("doctor").out == "(healthy)\n"
    past_triggers("UPDATE backlog SET updated_at = now() - interval '8 days'")
    found = {each.id: each for each in everything(session)}
    assert found["A"].message.startswith("a draft, untouched for 8 days")
    assert call(*found["A"].way_out.split()[1:]).status == 0
    assert PUBLISH in admin_client.get("/doctor/").text
    _publish(admin_client, Card.objects.get(pk="B"))
    assert call("doctor").status == 0


def test_a_draft_that_was_dropped_is_not_published(session, card):
    card("A", draft=True)
    drop(session, "A", "not needed")
    assert publish(session) == []
