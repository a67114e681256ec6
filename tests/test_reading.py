"""What the admin only shows: events, runs, pauses and limits, with links both ways."""

from html import unescape

import pytest
from django.contrib import admin
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backlog.models import Card, Event, Rule, Run
from backlog.verbs import rules
from backlog.verbs.runs import Report
from backlog.web.queries import activity
from tests.factories import AccountFactory, CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

LISTS = {Event: "/admin/backlog/event/", Run: "/admin/backlog/run/", Rule: "/admin/backlog/rule/"}
ODD = 'a-1/é? "b"'


@pytest.fixture(autouse=True)
def busy(store, transactional_db):
    """A card with an odd id and two runs, one of them open; a card of a phase; a pause, a limit."""
    session = Card.objects.session()
    session.execute("INSERT INTO backlog (id, title) VALUES (%s, 'Odd')", [ODD])
    Card.objects.claim("worker-1", card_id=ODD)
    Card.objects.release(ODD, report=Report(summary="half", result='{"n": 1.10}', outcome="failed"))
    Card.objects.claim("worker-2", card_id=ODD)
    CardFactory(id="B", phase="M1", blocked=True, note="which one?", held_back=True)
    rules.pause(session, "phase", "M1", "freeze")
    rules.limit(session, "owner", "worker-2", 3)


def _page(client, url: str) -> str:
    return unescape(client.get(url).text)


def _rows(client, url: str) -> list:
    return list(client.get(url).context["cl"].result_list)


def _address(row) -> str:
    name = f"admin:backlog_{row._meta.model_name}_change"
    return reverse(name, args=[admin.site.get_model_admin(type(row)).address(row)])


@pytest.mark.parametrize("model", LISTS)
def test_a_row_of_the_list_leads_to_its_own_page(admin_client, model):
    for row in _rows(admin_client, LISTS[model]):
        url = _address(row)
        assert f'href="{url}"' in _page(admin_client, LISTS[model])
        assert admin_client.get(url).context["original"].pk == row.pk


@pytest.mark.parametrize("model", [Event, Run])
def test_a_card_and_what_happened_to_it_lead_to_each_other(admin_client, model):
    card = reverse("admin:backlog_card_changelist") + "a-1_2F%C3%A9_3F%20_22b_22/change/"
    about = next(
        part.partition('"')[0]
        for part in admin_client.get(card).text.split('href="')
        if part.startswith(f"{LISTS[model]}?")
    )
    found = _rows(admin_client, unescape(about))
    assert {row.card_id for row in found} == {ODD}
    assert f'href="{card}"' in admin_client.get(_address(found[0])).text


def test_a_rule_leads_to_the_cards_that_it_is_about(admin_client):
    page = _page(admin_client, LISTS[Rule])
    for link, card in (
        ("/admin/backlog/card/?phase=M1", "B"),
        ("/admin/backlog/card/?claim_owner=worker-2&claim_expires_at__isnull=0", ODD),
    ):
        assert f'href="{link}"' in page
        assert [found.pk for found in _rows(admin_client, link)] == [card]


def test_holds_of_single_cards_are_not_among_the_rules(admin_client):
    assert Rule.objects.filter(kind="hold").exists()
    assert {rule.kind for rule in _rows(admin_client, LISTS[Rule])} == {"pause", "limit"}


def test_the_page_of_a_run_says_all_that_its_worker_said_of_it(admin_client):
    ended = Run.objects.get(outcome="failed")
    page = _page(admin_client, _address(ended))
    for said in ("half", '{"n": 1.10}', '<span class="state blocked">failed</span>', "worker-1"):
        assert said in page


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("?verb=block", ["block"]),
        ("?actor=worker-2", ["claim"]),
        ("?q=B", ["block", "create"]),
        ("?q=%20B", ["block", "create"]),
        ("?q=nobody", []),
    ],
)
def test_events_are_found_by_verb_account_and_card(admin_client, query, shown):
    assert [event.verb for event in _rows(admin_client, LISTS[Event] + query)] == shown


@pytest.mark.parametrize(
    ("query", "shown"),
    [("", [2, 1]), ("?outcome=open", [2]), ("?outcome=failed", [1]), ("?owner=worker-1", [1])],
)
def test_runs_are_found_by_outcome_and_worker_those_at_work_first(admin_client, query, shown):
    assert [run.attempt for run in _rows(admin_client, LISTS[Run] + query)] == shown


def test_what_was_long_ago_is_shown_with_its_card_only(admin_client, monkeypatch):
    monkeypatch.setattr(activity, "RECENT", 1)
    assert len(_rows(admin_client, LISTS[Event])) == 1
    assert {run.card_id for run in _rows(admin_client, LISTS[Run])} == {ODD}  # it is at work
    Card.objects.release(ODD)
    CardFactory()
    assert _rows(admin_client, LISTS[Run]) == []
    assert len(_rows(admin_client, f"{LISTS[Run]}?q={ODD.replace('?', '%3F')}")) == 2


@pytest.mark.parametrize("model", LISTS)
def test_a_list_asks_the_same_of_few_and_of_many(admin_client, model):
    def asked() -> int:
        with CaptureQueriesContext(connection) as queries:
            admin_client.get(LISTS[model])
        return len(queries)

    of_few = asked()
    for number in range(9):
        CardFactory(claimed=True, owner=f"w{number}")
        rules.limit(Card.objects.session(), "owner", f"w{number}", 9)
    assert asked() == of_few <= 7


@pytest.mark.parametrize("model", LISTS)
@pytest.mark.parametrize("page", ["add/", "delete/", "history/", "x/change/", "9-%00/change/"])
def test_a_page_that_is_not_there_is_none(admin_client, model, page):
    assert admin_client.get(LISTS[model] + page).status_code in (302, 404)


@pytest.mark.parametrize("model", LISTS)
def test_nobody_changes_adds_or_deletes_there(admin_client, model):
    before = list(model.objects.values())
    url = _address(_rows(admin_client, LISTS[model])[0])
    form = {"action": "delete_selected", "_selected_action": "1", "post": "yes", "name": "x"}
    for page in (url, LISTS[model], f"{LISTS[model]}add/", url.replace("change", "delete")):
        assert admin_client.post(page, form).status_code in (200, 403, 404)
    assert list(model.objects.values()) == before


@pytest.mark.parametrize("model", LISTS)
def test_who_may_not_view_cards_sees_none_of_it(client, admin_client, model):
    url = _address(_rows(admin_client, LISTS[model])[0])
    client.force_login(AccountFactory(is_staff=True))
    assert {client.get(page).status_code for page in (url, LISTS[model])} == {403}
    client.force_login(AccountFactory(viewer=True, is_staff=True))
    assert {client.get(page).status_code for page in (url, LISTS[model])} == {200}


@pytest.mark.parametrize("model", LISTS)
@pytest.mark.parametrize("query", ["?q=%00", "?x=1", "?verb=%00", "?p=9999", "?o=99", "?card=x"])
def test_a_question_without_sense_is_no_error_of_the_server(admin_client, model, query):
    assert admin_client.get(LISTS[model] + query).status_code in (200, 302)
