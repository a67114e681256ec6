"""What an open page is told of escalations and of the gate, and how an operator answers."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from fleet.verbs import escalations, gate

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.mark.parametrize("path", ["/", "/card/waits/"])
def test_an_open_page_counts_what_is_escalated(operator, live_server, path):
    operator.goto(live_server.url + path)
    badge = operator.locator("#count-escalations")
    expect(badge).to_be_hidden()
    escalations.escalate(Card.objects.session(), "which one?", "waits")
    expect(badge).to_have_text("1 waiting")


def test_an_operator_answers_with_a_word_by_keyboard(operator, live_server):
    escalations.escalate(Card.objects.session(), "which one?", "waits")
    operator.goto(f"{live_server.url}/escalations/")
    operator.get_by_label("What came of escalation").fill("the second")
    operator.keyboard.press("Enter")
    expect(operator.get_by_role("row", name="which one?")).to_contain_text("the second")
    expect(operator.locator("#count-escalations")).to_be_hidden()


def test_a_gate_that_falls_silent_is_away_without_a_word_of_the_server(operator, live_server):
    operator.clock.install(time=datetime.now(UTC))
    operator.goto(live_server.url)
    gate.heartbeat(Card.objects.session(), "gate-1")
    operator.clock.run_for(1000)
    part = operator.get_by_role("region", name="Gate")
    expect(part).to_contain_text("heard of")
    operator.route("**/live/**", lambda route: route.abort())
    operator.clock.run_for(timedelta(minutes=16) / timedelta(milliseconds=1))
    expect(part.get_by_text("and is away")).to_be_visible()
