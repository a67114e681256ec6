"""The admin: changes go through the verbs, and what they refuse is an error in plain words."""

from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from backlog import changelist
from backlog.models import Card, Event
from backlog.verbs.cards import show
from backlog.web.buttons import BUTTONS
from backlog.web.seen import Seen
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

LIST = "/admin/backlog/card/"


@pytest.fixture(autouse=True)
def cards(store, transactional_db):
    CardFactory(id="A", title="First")
    CardFactory(id="B", title="Second", depends_on=["A"])


@pytest.fixture
def late_and_blocked():
    """C, whose lease is over, and D, which is blocked."""
    CardFactory(id="C", role="reviewer", expired=True, owner="worker-1")
    CardFactory(id="D", phase="M1", blocked=True, reason="needs_input")


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


def _add(client, **fields: str):
    return client.post(f"{LIST}add/", _form(**fields))


def _change(client, card_id: str, **changes: str):
    card = Card.objects.defer("acceptance").get(pk=card_id)  # a number in it may be too long
    return client.post(f"{LIST}{card_id}/change/", _form(card, **changes))


def _criteria(client, card_id: str) -> str:
    """As the card's form shows them."""
    page = client.get(f"{LIST}{card_id}/change/")
    return page.context["adminform"].form["acceptance"].value()


def _act(client, action: str, *card_ids: str, **more):
    data = {"action": action, "_selected_action": card_ids, **more}
    return unescape(client.post(LIST, data, follow=True).text)


def _list(client, query: str = "") -> str:
    return unescape(client.get(LIST + query).text)


def _acceptance(card_id: str) -> str | None:
    return show(Card.objects.session(), card_id).acceptance


def test_a_card_is_added(admin_client):
    _add(admin_client, depends_on="A, B", acceptance="x")
    card = Card.objects.get(pk="N")
    assert (card.depends_on, card.acceptance) == (["A", "B"], ["x"])


def test_an_id_that_is_taken_is_an_error_of_the_form(admin_client):
    assert "there is a card A already" in unescape(_add(admin_client, id="A").text)


def test_a_card_is_changed(admin_client):
    assert _change(admin_client, "B", title="Other").status_code == 302
    assert Card.objects.get(pk="B").title == "Other"


def test_role_cap_and_time_are_fields_of_the_form(admin_client):
    _change(admin_client, "A", role="r", max_attempts="3", not_before="2030-01-02T03:04")
    card = Card.objects.get(pk="A")
    assert (card.role, card.max_attempts, card.held) == ("r", 3, True)


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
    assert "Completed B." in page


def test_a_card_that_others_wait_for_cannot_be_deleted(admin_client):
    page = admin_client.post(f"{LIST}A/delete/", {"post": "yes"})
    assert "B waits for A" in unescape(page.text)
    assert Card.objects.filter(pk="A").exists()


def test_a_card_nobody_waits_for_is_deleted(admin_client):
    admin_client.post(f"{LIST}B/delete/", {"post": "yes"})
    assert not Card.objects.filter(pk="B").exists()


def test_selected_cards_are_deleted_together_when_they_wait_for_each_other_only(admin_client):
    _act(admin_client, "delete_selected", "A", "B", post="yes")
    assert not Card.objects.exists()


@pytest.mark.parametrize("query", ["", "?q=First", "?status=ready", "?state=claimable", "?o=5"])
def test_the_list_shows_filters_and_orders(admin_client, query):
    assert "First" in _list(admin_client, query)


@pytest.mark.quick
@pytest.mark.usefixtures("late_and_blocked")
@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?state=claimable", "A"),
        ("?state=waiting", "B"),
        ("?state=expired", "C"),
        ("?state=stuck", "CD"),
        ("?status__exact=blocked", "D"),
        ("?blocked=needs_input", "D"),
        ("?phase=M1", "D"),
        ("?role=reviewer", "C"),
        ("?q=worker-1", "C"),
        ("?created_at__year=1999", ""),
    ],
)
def test_a_filter_shows_the_cards_it_names(admin_client, query, shown):
    page = _list(admin_client, query)
    assert [each for each in "ABCD" if f"/card/{each}/change/" in page] == list(shown)


@pytest.mark.usefixtures("late_and_blocked")
@pytest.mark.parametrize(
    ("state", "tone", "query"),
    [
        ("expired", "claimed", "C"),
        ("waiting on 1", "waiting", "B"),
        ("blocked: needs an answer", "blocked", "D"),
        ("claimable", "ready", "A"),
    ],
)
def test_the_list_says_what_keeps_a_card_beside_a_dot_of_its_colour(
    admin_client, state, tone, query
):
    page = _list(admin_client, f"?id={query}")
    assert f'<span class="state {tone}">{state}</span>' in page


@pytest.mark.parametrize(
    "query",
    [
        *("?status=%00", "?phase=%00", "?q=%00", "?p=99999", "?o=99", "?runs=x"),
        *("?created_at__year=9999", "?created_at__year=x", "?created_at__month=5"),
        *("?created_at__year=2026&created_at__day=3", "?not_before__year=0"),
        *("?max_attempts__range=1", "?status__in=", "?dependents__in=x"),
    ],
)
def test_a_question_without_sense_is_no_error_of_the_server(admin_client, query):
    assert admin_client.get(LIST + query).status_code in (200, 302)


def test_the_dates_lead_in_and_out(admin_client):
    page = _list(admin_client, "?created_at__year=2024&created_at__month=2")
    assert "created_at__day=29&" in page
    assert '<a href="?created_at__year=2024" class="date-back">' in page


@pytest.mark.parametrize("query", ["", "?q=First", "?state=stuck", "?status__exact=ready"])
def test_the_list_asks_the_same_of_thirty_cards_and_of_three_hundred(admin_client, query):
    asked = []
    _list(admin_client)  # asks once an hour for the first year
    for numbers in range(30), range(30, 300):
        cards = [Card(id=f"C{number}", title="First", depends_on=["A"]) for number in numbers]
        Card.objects.bulk_create(cards)
        with CaptureQueriesContext(connection) as queries:
            _list(admin_client, query)
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 5


def test_the_list_counts_no_further_than_anybody_pages(admin_client, monkeypatch):
    monkeypatch.setattr(changelist.BoundedPaginator, "furthest", 1)
    assert "1+ cards" in _list(admin_client)


def test_no_action_takes_more_cards_than_anybody_looks_at(admin_client, monkeypatch):
    monkeypatch.setattr("backlog.admin.MANY", 1)
    page = _act(admin_client, "complete", "A", select_across="1")
    assert "filter the list first" in page
    assert not Card.objects.filter(status="done").exists()


def test_the_list_carries_what_it_showed_of_each_card(admin_client):
    seen = str(Seen.of(Card.objects.get(pk="A")))
    assert f'<input type="hidden" name="seen" value="{seen}">' in _list(admin_client)


def test_a_card_that_changed_since_the_list_was_shown_is_not_acted_on(admin_client):
    seen = [str(Seen.of(card)) for card in Card.objects.all()]
    Card.objects.edit("A", title="Changed meanwhile")
    page = _act(admin_client, "complete", "A", "B", seen=seen)
    assert "look at it again" in page
    assert "Completed B." in page
    assert Card.objects.get(pk="A").status == "ready"


def test_an_action_that_must_know_more_asks(admin_client):
    assert "What would unblock it." in _act(admin_client, "block", "A", "B")


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("ready", {"complete", "block", "cancel", "drop"}),
        ("claimed", {"complete", "block", "cancel", "drop", "release", "reclaim"}),
        ("blocked", {"unblock", "answer", "drop"}),
        ("done", {"reopen", "archive"}),
    ],
)
def test_the_form_offers_what_the_status_allows(admin_client, status, offered):
    CardFactory(id="C", status=status)
    page = admin_client.get(f"{LIST}C/change/").text
    found = {verb for verb in BUTTONS if f'name="action" value="{verb}"' in page}
    assert found == offered | {"comment", "priority", "phase"}


def test_a_crafted_form_changes_nothing_but_its_fields(admin_client):
    crafted = {
        "status": "claimed",
        "claim_owner": "me",
        "attempts": "7",
        "open_dependencies": "5",
        "created_at": "2020-01-01",
        "id": "Z",
    }
    before = Card.objects.values().get(pk="A")
    assert _change(admin_client, "A", title="Other", **crafted).status_code == 302
    after = Card.objects.values().get(pk="A")
    assert {name for name in after if after[name] != before[name]} == {"title", "updated_at"}


def test_a_form_that_does_not_say_what_it_shows_is_refused(admin_client):
    assert "open the form again" in _change(admin_client, "A", title="Mine", seen="").text
    assert Card.objects.get(pk="A").title == "First"


@pytest.mark.quick
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": " "}, "This field is required"),
        ({"title": "a\0b"}, "Null characters"),
        ({"priority": "9" * 30}, "Priority must be"),
        ({"priority": "x"}, "whole number"),
        ({"depends_on": "A\0"}, "NUL byte"),
        ({"depends_on": "B"}, "waits for A"),
        ({"depends_on": "A"}, "A cannot depend on itself"),
        ({"acceptance": "1e999999"}, "a number that is too long"),
        ({"acceptance": '"\\u0000"'}, "NUL byte"),
        ({"acceptance": "[" * 500 + "]" * 500}, "nested"),
    ],
)
def test_what_a_card_cannot_hold_is_an_error_of_the_form(admin_client, changes, said):
    answer = _change(admin_client, "A", **changes)
    assert (answer.status_code, said in unescape(answer.text)) == (200, True)


@pytest.mark.parametrize(
    "json",
    [
        '{"n": 0.10000000000000000000000000000000001}',
        "9" * 5000,
        "[1.50, 2]",
        '"5"',
        '["5"]',
        '["a; b"]',
        '["one", "two"]',
    ],
)
def test_criteria_keep_every_digit_through_the_form(admin_client, json):
    _add(admin_client, acceptance=json)
    assert _acceptance("N") == json
    _change(admin_client, "N", acceptance=_criteria(admin_client, "N"), title="Other")
    assert (_acceptance("N"), Card.objects.values_list("title").get(pk="N")) == (json, ("Other",))


def test_criteria_that_are_lines_are_shown_as_lines(admin_client):
    Card.objects.edit("A", acceptance=["one", "two"])
    assert _criteria(admin_client, "A") == "one\ntwo"


def test_a_dependency_is_chosen_from_what_is_open(admin_client):
    CardFactory(id="over", done=True)
    page = admin_client.get(f"{LIST}B/change/").text
    assert '<input type="text" name="depends_on" list="depends_on_suggestions"' in page
    assert '<option value="A">First</option>' in page
    assert '<option value="over">' not in page


def test_the_chosen_dependency_joins_those_of_the_text(admin_client):
    CardFactory(id="C")
    _change(admin_client, "B", depends_on=["A", "C"])
    assert Card.objects.get(pk="B").depends_on == ["A", "C"]


def test_the_history_of_a_card_tells_of_changes_made_elsewhere(admin_client):
    Card.objects.claim("worker-1", card_id="A")
    page = admin_client.get(f"{LIST}A/history/").text
    assert "worker-1" in page
    assert "claim" in page


def test_a_change_made_in_the_admin_names_its_account(admin_client):
    _change(admin_client, "A", title="Other")
    assert Event.objects.filter(card_id="A").newest_first()[0].actor == "admin"
