"""A server that says nothing is given up after a while and asked again; a press is not."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture(autouse=True)
def impatient(settings):
    """Half a second is a while, as thirty are otherwise."""
    assert settings.BACKLOG_PATIENCE_SECONDS == 30
    settings.BACKLOG_PATIENCE_SECONDS = 0.5


def fall_silent(page) -> list:
    """From now on nothing that scripts read is answered; what they asked for."""
    silent: list = []

    def hear(route) -> None:
        if route.request.method == "GET" and route.request.resource_type in ("fetch", "xhr"):
            silent.append(route)
        else:
            route.continue_()

    page.route("**/*", hear)
    return silent


@pytest.mark.parametrize("path", ["/", "/fleet/", "/card/held/", "/#/card/held/"])
def test_a_page_gives_up_a_server_that_says_nothing_and_asks_again(operator, live_server, path):
    operator.goto(live_server.url + path)
    expect(operator.get_by_text("worker-1").filter(visible=True).last).to_be_visible()
    silent = fall_silent(operator)
    for _ in range(1500):  # what was asked for before may be late as well
        if silent:
            break
        operator.wait_for_timeout(20)
    assert silent
    said = operator.get_by_text("Not up to date: the server is away. Trying again.")
    expect(said.filter(visible=True).last).to_be_visible()
    operator.unroute("**/*")
    expect(said.filter(visible=True)).to_have_count(0)


def test_the_palette_gives_it_up(operator, live_server):
    operator.goto(live_server.url + "/fleet/")
    fall_silent(operator)
    operator.keyboard.press("Control+k")
    expect(operator.get_by_text("Nothing was found: the server is away.")).to_be_visible()


def test_what_was_pressed_may_take_its_time(operator, live_server):
    operator.goto(live_server.url + "/")
    pressed: list = []
    operator.route("**/cards/act/", lambda route: pressed.append(route))
    operator.locator('[data-card="ready-1"] input').check()
    operator.locator("#toolbar").get_by_role("button", name="Complete").click()
    fall_silent(operator)
    expect(operator.get_by_text("Not up to date: the server is away")).to_be_visible()
    operator.unroute("**/*")
    pressed[0].continue_()
    expect(operator.get_by_text("Completed ready-1.")).to_be_visible()
    assert Card.objects.get(pk="ready-1").status == "done"
