"""Many lanes at once: opened and folded by one button, and narrow while they are folded."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs import rules
from tests.browser.test_browser import in_light_and_dark
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

LANES = 20
# What is wider than its place, or below it, of what a folded lane shows.
CUT = """() => [...document.querySelectorAll(".lane h2, .lane .counts > .dot, .lane .rule")]
    .filter((each) => each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight)
    .map((each) => each.textContent)"""


@pytest.fixture(autouse=True)
def many_lanes(busy_board):
    """Twenty lanes in which nobody is at work, so that all of them are folded."""
    Card.objects.session().execute("DELETE FROM backlog")
    for n in range(LANES):
        CardFactory(id=f"c{n}", phase=f"phase-{n:02}")


def opened(page):
    return page.locator(".lane details[open]")


def test_one_button_opens_all_lanes_and_folds_them_and_a_reload_remembers(
    operator, complaints, live_server
):
    operator.goto(live_server.url + "/")
    expect(opened(operator)).to_have_count(0)
    operator.get_by_role("button", name="Open all lanes").click()
    expect(opened(operator)).to_have_count(LANES)
    expect(operator.get_by_role("button", name="Fold all lanes")).to_be_visible()
    assert in_light_and_dark(operator) == []
    operator.reload()
    expect(opened(operator)).to_have_count(LANES)
    operator.get_by_role("button", name="Fold all lanes").click()
    expect(opened(operator)).to_have_count(0)
    operator.reload()
    expect(operator.get_by_role("button", name="Open all lanes")).to_be_visible()


def test_the_button_opens_all_as_long_as_one_is_folded(operator, live_server):
    operator.goto(live_server.url + "/")
    operator.get_by_role("button", name="Open all lanes").click()
    expect(operator.get_by_role("button", name="Fold all lanes")).to_be_visible()
    operator.locator(".lane summary").first.click()
    operator.get_by_role("button", name="Open all lanes").click()
    expect(opened(operator)).to_have_count(LANES)
    CardFactory(id="late", phase="phase-99")
    expect(operator.locator(".lane")).to_have_count(LANES + 1)
    expect(operator.get_by_role("button", name="Open all lanes")).to_be_visible()


def test_a_key_and_the_palette_do_the_same(operator, live_server):
    operator.goto(live_server.url + "/")
    operator.keyboard.press("o")
    expect(opened(operator)).to_have_count(LANES)
    operator.locator('[data-card="c3"] > a:not(.menu-of)').focus()
    operator.keyboard.press("o")
    expect(opened(operator)).to_have_count(0)
    expect(operator.locator('[data-phase="phase-03"] summary')).to_be_focused()
    operator.keyboard.press("Control+k")
    operator.keyboard.type("open all lanes")
    expect(operator.locator("#found [aria-selected=true]")).to_have_text("Open all lanes")
    operator.keyboard.press("Enter")
    operator.keyboard.press("Enter")
    expect(opened(operator)).to_have_count(LANES)


def test_without_a_script_the_button_asks_for_the_page_with_all_of_them_open(plain, live_server):
    plain.goto(live_server.url + "/?layout=columns&status=ready&status=done")
    plain.get_by_role("button", name="Open all lanes").click()
    expect(opened(plain)).to_have_count(LANES)
    expect(plain.get_by_role("link", name="Remove done")).to_be_visible()
    expect(plain.locator(".lanes.columns")).to_be_attached()
    plain.get_by_role("button", name="Fold all lanes").click()
    expect(opened(plain)).to_have_count(0)


@pytest.mark.parametrize("width", [390, 1440, 2560])
@pytest.mark.parametrize("who", ["operator", "plain"])
def test_a_folded_lane_is_narrow_among_columns_with_its_name_and_its_counts(
    request, complaints, live_server, width, who
):
    rules.pause(Card.objects.session(), "phase", "phase-00", "until the release")
    page = request.getfixturevalue(who)
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(live_server.url + "/?layout=columns")
    lane = page.locator(".lane").first
    assert lane.bounding_box()["width"] <= 80
    expect(lane).to_contain_text("paused: until the release")
    expect(page.locator(".lane .counts").nth(1).get_by_text("1 ready")).to_be_visible()
    assert page.evaluate(CUT) == []
    if who == "operator":
        assert in_light_and_dark(page) == []
    lane.locator("summary").click()
    assert lane.bounding_box()["width"] > 300
