"""Budgets and spend on the pages: who sets them, and where they are seen."""

import pytest

from backlog.models import Card
from backlog.verbs import budgets
from backlog.verbs.runs import Report
from backlog.verbs.sweep import look
from backlog.web.queries.board import board
from tests.factories import CardFactory
from tests.pages import text

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

M1 = {"phase": "M1", "tokens": "1000", "cost": ""}


@pytest.fixture(autouse=True)
def spent(store, transactional_db):
    """A of M1 took 850 tokens and B will take some; C of M2 took none that were told."""
    CardFactory(id="A", phase="M1", projected_tokens=1200)
    CardFactory(id="B", phase="M1", projected_cost="0.5")
    CardFactory(id="C", phase="M2", done=True)
    Card.objects.complete("A", report=Report(tokens=850))


@pytest.mark.both_tiers
def test_an_operator_sets_raises_and_removes_a_budget(admin_client):
    for path, fields, said in (
        ("budget", M1, "85 % of its budget: 850 of 1,000 tokens"),
        ("budget", {**M1, "cost": "2.5"}, "850 of 1,000 tokens, 0 of 2.5 in cost"),
        ("budget", {**M1, "tokens": "850"}, "budget spent: 850 of 850 tokens"),
        ("unbudget", M1, "There are no budgets."),
        ("unbudget", M1, "there is no budget of phase M1"),
    ):
        assert said in text(admin_client.post(f"/control/{path}/", fields, follow=True))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": ""}, "A budget is of tokens, of cost, or of both"),
        ({"tokens": "-1"}, "Tokens must be a whole number between 0"),
        ({"tokens": "many"}, "Enter a whole number."),
        ({"cost": "0.1234567"}, "Cost must be a number such as 0.25"),
        ({"phase": " "}, "Phase must not be blank"),
    ],
)
def test_what_is_no_budget_is_an_error_of_the_form(admin_client, changes, said):
    page = admin_client.post("/control/budget/", {**M1, **changes})
    assert (page.status_code, said in text(page)) == (200, True)
    assert budgets.budgets(Card.objects.session()) == []


def test_who_may_only_look_sees_budgets_and_sets_none(viewer):
    budgets.budget(Card.objects.session(), "M1", tokens=1000)
    assert viewer.post("/control/budget/", M1).status_code == 403
    assert viewer.post("/control/unbudget/", M1).status_code == 403
    page = viewer.get("/control/")
    assert "85 % of its budget" in text(page)
    assert "/control/budget/" not in page.text


def test_a_budget_is_seen_in_its_lane_on_its_phase_s_page_and_at_the_doctor(admin_client):
    budgets.budget(Card.objects.session(), "M1", tokens=850)
    for path in ("/", "/phase/M1/", "/fleet/", "/control/"):
        assert "budget spent: 850 of 850 tokens" in text(admin_client.get(path)), path
    assert "its budget is spent: 850 of 850 tokens" in text(admin_client.get("/doctor/"))
    assert "Spent is the budget of phase M1" in text(admin_client.get("/card/B/"))


def test_what_a_run_took_changes_the_heading_of_its_lane_alone(session):
    budgets.budget(session, "M1", tokens=1000)
    before = board(Card.objects.session()).headings
    session.execute("UPDATE backlog_rule SET spent_tokens = 900")
    after = board(Card.objects.session()).headings
    changed = [after[key].phase for key in after if after[key] != before[key]]
    assert changed == ["M1"]


def test_a_budget_of_a_phase_without_cards_has_a_page(admin_client):
    budgets.budget(Card.objects.session(), "M9", cost="1")
    assert "0 % of its budget: 0 of 1 in cost" in text(admin_client.get("/phase/M9/"))


def test_what_was_projected_stands_beside_what_was_taken(admin_client):
    assert "Tokens 850 of 1,200 projected" in text(admin_client.get("/card/A/"))
    assert "Cost none told of 0.5 projected" in text(admin_client.get("/card/B/"))
    page = text(admin_client.get("/phase/M1/"))
    assert "Tokens projected 1,200 Cost projected 0.5 (0.5 of it not done)" in page
    assert "M1 1,200 850 -350 0.5" in text(admin_client.get("/fleet/"))


def test_the_fleet_s_page_sums_by_role_and_by_worker_too(admin_client):
    assert "By role" not in text(admin_client.get("/fleet/"))
    Card.objects.edit("A", role="code")
    Card.objects.claim("ada", card_id="B")
    Card.objects.complete("B", "ada", report=Report(cost="0.75"))
    page = text(admin_client.get("/fleet/"))
    assert "No role 0.5 0.75 0.25 code 1,200 850 -350 By worker" in page
    assert "ada 0.5 0.75 0.25" in page.partition("By worker")[2]


def test_where_no_worker_told_a_cost_the_figure_says_so(admin_client):
    assert "cost in 24 hours not told" in text(admin_client.get("/fleet/"))
    Card.objects.complete("B", report=Report(cost="0"))
    assert "cost in 24 hours 0 " in text(admin_client.get("/fleet/"))
    for card_id, cost, shown in (("X", "0.0004", "0.0004"), ("Y", "1234.5678", "1,234.57")):
        CardFactory(id=card_id)
        Card.objects.complete(card_id, report=Report(cost=cost))
        assert f"cost in 24 hours {shown} " in text(admin_client.get("/fleet/"))


def test_of_a_large_backlog_spend_is_as_a_sweep_saw_it(admin_client, session, monkeypatch):
    monkeypatch.setattr("backlog.verbs.kept.SMALL", 0)
    Card.objects.edit("A", role="code")
    session.execute("ANALYZE backlog")
    assert "Tokens projected" not in admin_client.get("/fleet/").text
    look(session)
    page = text(admin_client.get("/fleet/"))
    assert "M1 1,200 850 -350 0.5" in page
    assert "code 1,200 850 -350" in page
