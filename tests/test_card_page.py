"""The card's page and its forms, where cards are many, texts are odd, or somebody was quicker."""

from html import unescape

import pytest
from django.urls import reverse

from backlog.forms import CardForm
from backlog.markup import LONGEST, markdown
from backlog.models import Card
from backlog.verbs import cards

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty(store, transactional_db):
    pass


def _make(card_id: str, **fields):
    return Card.objects.create(id=card_id, title=f"Card {card_id}", **fields)


def _save(client, card: Card, **changes: str):
    data = {"title": card.title, "priority": "0", "seen": card.updated_at.isoformat(), **changes}
    return client.post(reverse("edit", args=[card.pk]), data)


def test_none_of_many_dependencies_is_said_to_be_missing(admin_client):
    ids = [f"D{n:03}" for n in range(230)]
    for card_id in ids:
        _make(card_id)
    _make("A", depends_on=ids)
    page = admin_client.get(reverse("card", args=["A"]))
    assert [node.state for node in page.context["links"].needs] == ["ready"] * 200
    assert "The first 200 of 230" in page.text


def test_more_dependents_than_are_listed_are_mentioned(admin_client):
    _make("hub")
    for n in range(201):
        _make(f"D{n:03}", depends_on=["hub"])
    page = admin_client.get(reverse("card", args=["hub"]))
    assert len(page.context["links"].needed_by) == 200
    assert "More than these 200 wait for it" in page.text


def test_a_number_of_any_length_is_shown(admin_client, session):
    digits = "9" * 5000
    cards.create(session, "A", "A", acceptance=f"[{digits}]")
    assert digits in admin_client.get(reverse("card", args=["A"])).text


@pytest.mark.parametrize("text", ["[" * 20_000, "[[a]" * 5_000, "<" * (LONGEST + 1)])
def test_no_text_makes_the_page_wait(text):
    assert markdown(text)


def test_headings_of_a_body_leave_no_level_out():
    html = markdown("### a\n\n###### b\n\n# c")
    assert html == "<h3>a</h3>\n<h4>b</h4>\n<h3>c</h3>\n"


def test_a_form_that_does_not_say_what_it_saw_changes_nothing(admin_client):
    assert _save(admin_client, _make("A"), title="Mine", seen="").status_code == 400
    assert Card.objects.get(pk="A").title == "Card A"


def test_newlines_as_a_browser_sends_them_do_not_change_the_body(admin_client):
    card = _make("A", body="one\ntwo\n")
    _save(admin_client, card, title="Other", body="one\r\ntwo\r\n")
    assert Card.objects.history("A")[-1].note == "title"
    assert Card.objects.get(pk="A").body == "one\ntwo\n"


def test_a_change_between_the_check_and_the_write_leaves_what_was_typed(admin_client, monkeypatch):
    card, check = _make("A"), CardForm.is_valid

    def somebody_is_quicker(form):
        valid = check(form)
        Card.objects.edit("A", priority=7)
        return valid

    monkeypatch.setattr(CardForm, "is_valid", somebody_is_quicker)
    page = _save(admin_client, card, title="Typed")
    assert (page.status_code, "Typed" in page.text) == (409, True)


def test_a_key_that_is_taken_does_not_pretend_that_a_card_was_made(admin_client):
    _make("A", idempotency_key="k")
    data = {"id": "B", "title": "B", "priority": "0", "idempotency_key": "k"}
    page = admin_client.post(reverse("create"), data, follow=True)
    assert "A has this idempotency key: nothing was created." in unescape(page.text)


def test_a_command_to_copy_holds_the_id_as_one_word(admin_client):
    page = admin_client.get(reverse("card", args=["x; touch y"]))
    assert "--id='x; touch y'" in unescape(page.text)


@pytest.mark.parametrize("path", ["/card/a_00b/", "/card/a_00b/edit/"])
def test_an_id_that_no_card_can_have_is_refused(admin_client, path):
    assert admin_client.get(path).status_code == 400


def test_claims_that_are_not_listed_are_mentioned(admin_client, monkeypatch):
    monkeypatch.setattr("backlog.views.fleet.MOST_CLAIMS", 1)
    for card_id in ("A", "B"):
        _make(card_id)
        Card.objects.claim("w")
    assert "whose lease ends first, of 2" in admin_client.get("/fleet/").text
