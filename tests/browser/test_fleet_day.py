"""A fleet by its rules as an operator sees to it: from a draft to the last card, all in pages."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs import budgets, claims, gates, moves
from backlog.verbs.cards import create
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report
from fleet.verbs import escalations

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

BUILD = Pool("build")


@pytest.fixture
def session(transactional_db):
    made = Card.objects.session()
    for card_id, needs in (("parser", []), ("printer", ["parser"])):
        said = {"phase": "build", "depends_on": needs, "acceptance": '["it runs"]', "draft": True}
        create(made, card_id, f"Write the {card_id}", **said)
    gates.gate(made, "build")
    budgets.budget(made, "build", cost="1")
    return made


def _work(session, cost):
    """A worker finishes the next card; what it was, or why there was none."""
    taken = claims.claim(session, "carl", pool=BUILD)
    if taken.card is None:
        return taken.why
    report = Report(cost=cost)
    moves.complete(session, taken.card.id, "carl", taken.card.attempts, report=report)
    return taken.card.id


def _judge(page, url, card_id):
    """Give the verdict that is open, and complete the card."""
    page.goto(f"{url}/card/{card_id}/")
    page.get_by_text("Give a verdict").click()
    page.locator("[name=verdict]").select_option("passed")
    page.locator("[name=evidence]").fill("it ran")
    page.get_by_role("button", name="Give verdict").click()
    expect(page.locator("#criterion-1 .state")).to_have_text("passed")
    page.locator("button[value=complete]").first.click()
    expect(page.locator(".heading .state")).to_have_text("done")


def test_an_operator_sees_to_it_from_a_draft_to_the_last_card(operator, live_server, session):
    url = live_server.url
    assert _work(session, "0") == "empty"
    for card_id in ("parser", "printer"):
        operator.goto(f"{url}/card/{card_id}/")
        operator.locator("#press-publish button").click()
        expect(operator.locator("#press-publish")).to_have_count(0)
    assert _work(session, "1.20") == "parser"
    _judge(operator, url, "parser")

    assert _work(session, "0") == "budget"
    operator.goto(f"{url}/control/")
    operator.get_by_label("Cost of phase build").fill("3")
    operator.get_by_role("button", name="Set the budget of phase build").click()
    expect(operator.get_by_label("Cost of phase build")).to_have_value("3")

    operator.locator("form[action='/control/pause/'] [name=reason]").fill("release")
    operator.get_by_role("button", name="Pause", exact=True).click()
    expect(operator.get_by_role("button", name="Resume")).to_be_visible()
    assert _work(session, "0") == "paused"
    operator.get_by_role("button", name="Resume").click()
    expect(operator.get_by_text("Nothing is paused.")).to_be_visible()

    escalations.escalate(session, "which printer?", "printer", "carl")
    operator.goto(f"{url}/escalations/")
    operator.get_by_label("What came of escalation").fill("the old one")
    operator.keyboard.press("Enter")
    expect(operator.locator("#count-escalations")).to_be_hidden()

    assert _work(session, "0.30") == "printer"
    _judge(operator, url, "printer")
    assert not Card.objects.filter(phase="build").exclude(status="done").exists()
