"""The admin: changes go through the verbs, and what they refuse is an error in plain words."""

from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backlog import changelist
from backlog.models import Card, Event
from backlog.verbs.cards import show
from backlog.web.buttons import BUTTONS, Seen

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier, pytest.mark.quick]


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


def _list(client, query: str = "") -> str:
    return unescape(client.get(reverse("admin:backlog_card_changelist") + query).text)


def _acceptance(card_id: str) -> str | None:
    return show(Card.objects.session(), card_id).acceptance


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


def test_role_cap_and_time_are_fields_of_the_form(admin_client):
    _change(admin_client, "A", role="r", max_attempts="3", not_before="2030-01-02T03:04")
    card = Card.objects.get(pk="A")
    assert (card.role, card.max_attempts, card.held) == ("r", 3, True)


def test_the_list_is_filtered_by_role(admin_client):
    Card.objects.edit("A", role="reviewer")
    page = admin_client.get(reverse("admin:backlog_card_changelist") + "?role=reviewer")
    assert [card.pk for card in page.context["cl"].result_list] == ["A"]


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
        ("?q=worker-1", "C"),
        ("?created_at__year=1999", ""),
    ],
)
def test_a_filter_shows_the_cards_it_names(admin_client, query, shown):
    for card_id in "CD":
        Card.objects.create(
            id=card_id, title=f"Also {card_id}", phase="M1" if card_id > "C" else None
        )
    Card.objects.claim("worker-1", card_id="C")
    Card.objects.filter(pk="C").update(claimed_at="2020-01-01T00:00:00Z")
    Card.objects.block("D", reason="needs_input")
    page = _list(admin_client, query)
    assert [each for each in "ABCD" if f"/card/{each}/change/" in page] == list(shown)


@pytest.mark.parametrize(
    ("state", "query"),
    [("expired", "C"), ("waiting on 1", "B"), ("blocked: needs input", "D"), ("claimable", "A")],
)
def test_the_list_says_what_keeps_a_card(admin_client, state, query):
    for card_id in "CD":
        Card.objects.create(id=card_id, title=card_id)
    Card.objects.claim("w", card_id="C")
    Card.objects.filter(pk="C").update(claimed_at="2020-01-01T00:00:00Z")
    Card.objects.block("D", reason="needs_input")
    assert f'<td class="field-state">{state}</td>' in _list(admin_client, f"?id={query}")


@pytest.mark.parametrize(
    "query",
    [
        "?status=%00",
        "?phase=%00",
        "?q=%00",
        "?created_at__year=9999",
        "?created_at__year=2026&created_at__day=3",
        "?created_at__month=5",
        "?created_at__year=x",
        "?p=99999",
        "?o=99",
    ],
)
def test_a_question_without_sense_is_no_error_of_the_server(admin_client, query):
    answer = admin_client.get(reverse("admin:backlog_card_changelist") + query)
    assert answer.status_code in (200, 302)


def test_the_dates_lead_in_and_out(admin_client):
    page = _list(admin_client, "?created_at__year=2024&created_at__month=2")
    assert "created_at__day=29&" in page
    assert '<a href="?created_at__year=2024" class="date-back">' in page


@pytest.mark.parametrize("query", ["", "?q=First", "?state=stuck", "?status__exact=ready"])
def test_the_list_asks_the_same_of_thirty_cards_and_of_three_hundred(admin_client, query):
    asked = []
    _list(admin_client)  # asks once an hour for the first year
    for numbers in range(30), range(30, 300):
        for number in numbers:
            Card.objects.create(id=f"C{number}", title="First", depends_on=["A"])
        with CaptureQueriesContext(connection) as queries:
            _list(admin_client, query)
        asked.append(len(queries))
    assert asked[0] == asked[1] <= 5


def test_the_list_counts_no_further_than_anybody_pages(admin_client, monkeypatch):
    monkeypatch.setattr(changelist.BoundedPaginator, "furthest", 1)
    assert "1+ cards" in _list(admin_client)


def test_no_action_takes_more_cards_than_anybody_looks_at(admin_client, monkeypatch):
    monkeypatch.setattr("backlog.admin.MANY", 1)
    data = {"action": "complete", "_selected_action": "A", "select_across": "1"}
    answer = admin_client.post(reverse("admin:backlog_card_changelist"), data, follow=True)
    assert "filter the list first" in answer.text
    assert not Card.objects.filter(status="done").exists()


def test_the_list_carries_what_it_showed_of_each_card(admin_client):
    seen = str(Seen.of(Card.objects.get(pk="A")))
    assert f'<input type="hidden" name="seen" value="{seen}">' in _list(admin_client)


def test_a_card_that_changed_since_the_list_was_shown_is_not_acted_on(admin_client):
    seen = [str(Seen.of(card)) for card in Card.objects.all()]
    Card.objects.edit("A", title="Changed meanwhile")
    data = {"action": "complete", "_selected_action": ["A", "B"], "seen": seen}
    page = admin_client.post(reverse("admin:backlog_card_changelist"), data, follow=True).text
    assert "look at it again" in unescape(page)
    assert "Complete: B" in page
    assert Card.objects.get(pk="A").status == "ready"


def test_an_action_that_must_know_more_asks(admin_client):
    assert "What would unblock it." in _act(admin_client, "block", "A", "B")


@pytest.mark.parametrize(
    ("status", "offered"),
    [
        ("ready", {"complete", "block", "cancel"}),
        ("claimed", {"complete", "block", "cancel", "release", "reclaim"}),
        ("blocked", {"unblock"}),
        ("done", {"reopen"}),
    ],
)
def test_the_form_offers_what_the_status_allows(admin_client, status, offered):
    make = {"claimed": lambda: Card.objects.claim("w", card_id="A").card, "ready": lambda: None}
    make |= {"blocked": lambda: Card.objects.block("A"), "done": lambda: Card.objects.complete("A")}
    make[status]()
    page = admin_client.get(reverse("admin:backlog_card_change", args=["A"])).text
    found = {verb for verb in BUTTONS if f'name="action" value="{verb}"' in page}
    assert found == offered | {"priority", "phase"}


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


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"title": " "}, "This field is required"),
        ({"title": "a\0b"}, "Null characters"),
        ({"priority": "9" * 30}, "priority must be"),
        ({"priority": "x"}, "whole number"),
        ({"depends_on": "A\0"}, "NUL byte"),
        ({"acceptance": "1e999999"}, "cannot hold this value"),
        ({"acceptance": '"\\u0000"'}, "NUL byte"),
        ({"acceptance": "[" * 500 + "]" * 500}, "nested"),
    ],
)
def test_what_a_card_cannot_hold_is_an_error_of_the_form(admin_client, changes, said):
    answer = _change(admin_client, "B", **changes)
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
    admin_client.post(reverse("admin:backlog_card_add"), _form(acceptance=json))
    assert _acceptance("N") == json
    page = admin_client.get(reverse("admin:backlog_card_change", args=["N"]))
    shown = page.context["adminform"].form["acceptance"].value()
    card = Card.objects.defer("acceptance").get(pk="N")
    url = reverse("admin:backlog_card_change", args=["N"])
    admin_client.post(url, {**_form(card), "acceptance": shown, "title": "Other"})
    assert (_acceptance("N"), Card.objects.values_list("title").get(pk="N")) == (json, ("Other",))


def test_criteria_that_are_lines_are_shown_as_lines(admin_client):
    Card.objects.edit("A", acceptance=["one", "two"])
    page = admin_client.get(reverse("admin:backlog_card_change", args=["A"]))
    assert page.context["adminform"].form["acceptance"].value() == "one\ntwo"


def test_a_dependency_is_chosen_from_what_is_open(admin_client):
    Card.objects.create(id="over", title="Over")
    Card.objects.complete("over")
    page = admin_client.get(reverse("admin:backlog_card_change", args=["B"])).text
    assert '<input type="text" name="depends_on" list="depends_on_suggestions"' in page
    assert '<option value="A">First</option>' in page
    assert '<option value="over">' not in page


def test_the_chosen_dependency_joins_those_of_the_text(admin_client):
    Card.objects.create(id="C", title="Third")
    _change(admin_client, "B", depends_on=["A", "C"])
    assert Card.objects.get(pk="B").depends_on == ["A", "C"]


def test_the_history_of_a_card_tells_of_changes_made_elsewhere(admin_client):
    Card.objects.claim("worker-1", card_id="A")
    page = admin_client.get(reverse("admin:backlog_card_history", args=["A"])).text
    assert "worker-1" in page
    assert "claim" in page


def test_a_change_made_in_the_admin_names_its_account(admin_client):
    _change(admin_client, "A", title="Other")
    assert Event.objects.filter(card_id="A").newest_first()[0].actor == "admin"
