"""An outline in a browser: typed, looked at, made, by keyboard."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from tests.browser.test_browser import in_light_and_dark
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


def test_an_outline_is_drawn_before_it_is_made(operator, live_server, complaints):
    operator.goto(live_server.url + "/plan/")
    operator.fill("#outline", "whole\n  part <over\nlast <whole <nowhere")
    operator.focus("#outline")
    operator.keyboard.press("Tab")
    operator.keyboard.press("Enter")
    expect(operator.locator("#drawing .node")).to_have_count(5)
    expect(operator.locator("#drawing .arrow")).to_have_count(4)
    assert in_light_and_dark(operator) == []
    operator.focus("text=Create 3 cards")
    operator.keyboard.press("Enter")
    expect(operator.locator(".messages")).to_have_text("Created 3 cards.")
    assert Card.objects.get(pk="whole").depends_on == ["part"]


def test_the_first_steps_get_their_marks_while_they_are_looked_at(operator, live_server, store):
    Card.objects.all().delete()
    operator.goto(live_server.url + "/")
    CardFactory(id="A")
    Card.objects.claim("w")
    expect(operator.locator("#step-worker.done")).to_be_visible()
    Card.objects.complete("A")
    expect(operator.locator("#step-watch.done")).to_be_visible()
