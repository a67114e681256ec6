"""Ctrl+K: whatever has a name is two or three keys away."""

import pytest
from playwright.sync_api import expect

from tests.browser.test_browser import in_light_and_dark
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def palette(operator, complaints, live_server):
    """Opens it on a page: `palette("/fleet/")`."""

    def on(path: str):
        operator.goto(live_server.url + path)
        operator.keyboard.press("Control+k")
        expect(operator.get_by_role("combobox", name="Card, phase")).to_be_focused()
        return operator.locator("#palette")

    return on


def marked(palette):
    return palette.get_by_role("option", selected=True)


@pytest.mark.parametrize("path", ["/fleet/", "/doctor/", "/cards/new/", "/card/over/"])
def test_letters_and_enter_lead_to_a_card_from_every_page(operator, palette, live_server, path):
    found = palette(path)
    operator.keyboard.type("about held")
    expect(marked(found)).to_contain_text("About held")
    operator.keyboard.press("Enter")
    expect(operator).to_have_url(f"{live_server.url}/card/held/")


def test_arrows_lead_through_what_is_found_and_a_reader_hears_where(operator, palette):
    found = palette("/")
    operator.keyboard.type("ready-")
    expect(marked(found)).to_contain_text("ready-1")
    operator.keyboard.press("ArrowDown")
    expect(marked(found)).to_contain_text("ready-2")
    active = found.get_by_role("combobox").get_attribute("aria-activedescendant")
    assert marked(found).get_attribute("id") == active
    expect(found.get_by_role("status")).to_have_text("3 found")
    assert in_light_and_dark(operator) == []


def test_on_the_board_a_card_opens_in_the_drawer(operator, palette, live_server):
    found = palette("/")
    operator.keyboard.type("about held")
    expect(marked(found)).to_contain_text("About held")
    operator.keyboard.press("Enter")
    expect(operator.locator("#drawer h1")).to_have_text("About held held")
    expect(found).to_be_hidden()


def test_an_action_gets_the_focus_and_is_not_done(operator, palette):
    found = palette("/card/ready-1/")
    operator.keyboard.type("compl")
    found.get_by_role("option", name="Complete").click()
    expect(operator.get_by_role("button", name="Complete")).to_be_focused()
    expect(found).to_be_hidden()


def test_what_is_of_a_selection_is_offered_once_something_is_selected(operator, palette):
    found = palette("/")
    expect(found.get_by_role("option", name="Doctor")).to_be_visible()
    expect(found.get_by_role("option", name="Complete")).to_have_count(0)
    operator.keyboard.press("Escape")
    CardFactory(id="Z", title="Complete all of it", phase="M1")
    operator.locator('[data-card="ready-1"] input').check()
    operator.keyboard.press("Control+k")
    operator.keyboard.type("complete")
    expect(found.get_by_role("option", name="Complete all of it")).to_be_visible()
    expect(marked(found)).to_have_text("Complete")
    operator.keyboard.press("Enter")
    expect(operator.locator("#toolbar").get_by_role("button", name="Complete")).to_be_focused()


def test_enter_before_anything_is_found_searches(operator, palette, live_server):
    palette("/fleet/")
    operator.route("**/palette/*", lambda route: None)
    operator.keyboard.type("held")
    operator.keyboard.press("Enter")
    expect(operator).to_have_url(f"{live_server.url}/search/?q=held")


def test_what_was_asked_before_the_last_letter_is_not_marked(operator, palette):
    found = palette("/fleet/")
    expect(found.get_by_role("option", name="Doctor")).to_be_visible()
    asked = []
    operator.route("**/palette/*", lambda route: asked.append(route))
    with operator.expect_request("**/palette/?q=held"):
        found.get_by_role("combobox").fill("held")
    found.get_by_role("combobox").fill("helds")
    with operator.expect_request("**/palette/?q=helds"):
        asked[0].continue_()
    expect(found.get_by_role("option", name="About held")).to_be_visible()
    expect(marked(found)).to_have_count(0)
    asked[1].continue_()
    expect(marked(found)).to_contain_text("Search the cards for")


def test_a_search_that_fails_says_so(operator, live_server):
    operator.goto(live_server.url + "/fleet/")
    operator.route("**/palette/*", lambda route: route.abort())
    operator.keyboard.press("Control+k")
    said = operator.locator("#palette").get_by_role("status")
    expect(said).to_have_text("Nothing was found: the server is away.")
    expect(said).not_to_have_css("position", "absolute")  # as what is for readers alone


def test_without_a_script_the_button_leads_to_the_search(plain, live_server):
    plain.goto(live_server.url + "/fleet/")
    plain.get_by_role("button", name="Find").click()
    expect(plain).to_have_url(f"{live_server.url}/search/?")
