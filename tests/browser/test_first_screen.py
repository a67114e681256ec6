"""What an operator sees of 1,500 cards without scrolling."""

from itertools import pairwise

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from tests.browser.test_browser import RULES, violations
from tests.browser.test_everywhere import COVERED
from tests.factories import CardFactory

pytestmark = pytest.mark.one_tier

# In each lane 17 are done, four ready, four waiting for one or two of those.
CARDS = """
INSERT INTO backlog (id, title, phase, status, depends_on)
SELECT 'c' || n, 'Do number ' || n || ' of the things that take more than one line to be told',
    'phase-' || n %% 60,
    CASE WHEN n >= 480 THEN 'done' ELSE 'ready' END,
    CASE WHEN n < 240 OR n >= 480 THEN '[]'
        WHEN n %% 2 = 0 THEN jsonb_build_array('c' || n - 240)
        ELSE jsonb_build_array('c' || n - 240, 'c' || n - 239) END
FROM generate_series(0, 1499) AS n"""


@pytest.fixture
def backlog_of_1500(store, transactional_db):
    """Eight claims and five questions, each in a lane of its own."""
    session = Card.objects.session()
    session.execute("DELETE FROM backlog")
    session.execute(CARDS)
    for n in range(8):
        Card.objects.claim(f"worker-{n}", card_id=f"c{n}")
    for n in range(8, 13):
        Card.objects.block(f"c{n}", reason="needs_input", note=f"which of {n} ways?")
    for n in range(68, 73):  # which ask the same as these
        Card.objects.block(f"c{n}", reason="needs_input", note=f"which of {n - 60} ways?")


SCREEN = """() => {
    const within = (of) => [...document.querySelectorAll(of)].filter((each) => {
        const { top, bottom } = each.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
    }).length;
    return [".running li[data-needs]", ".attention li[data-needs]", ".lane"].map(within);
}"""

# How far the text of a link is from its edge, where the outline is drawn.
ROOM = """of => {
    const link = document.querySelector(of);
    const text = document.createRange();
    text.selectNodeContents(link.querySelector(".title") ?? link);
    return text.getBoundingClientRect().left - link.getBoundingClientRect().left;
}"""

# Chips that reach below their card, and have an edge.
DRAWN_OVER = """() => [...document.querySelectorAll(".dense .chip")].filter((chip) => {
    const end = (of) => of.getBoundingClientRect().bottom;
    return end(chip) > end(chip.closest(".card")) - 1
        && getComputedStyle(chip).borderBottomColor !== "rgba(0, 0, 0, 0)";
}).map((chip) => chip.textContent)"""

CUT = """of => [...document.querySelectorAll(of)].filter((each) =>
    each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight + 2).length"""


def test_every_claim_five_questions_and_ten_lanes_are_on_one_screen(
    backlog_of_1500, operator, live_server
):
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(live_server.url + "/")
    claims, questions, lanes = operator.evaluate(SCREEN)
    assert (claims, questions) == (8, 5)
    assert lanes >= 10
    assert operator.evaluate(CUT, ".dense .facts-line, .attention .answering") == 0


def test_nothing_lies_over_what_can_be_pressed(backlog_of_1500, operator, live_server):
    operator.goto(live_server.url + "/")
    for width in (390, 1440):
        operator.set_viewport_size({"width": width, "height": 900})
        assert operator.evaluate(COVERED) == []
    assert violations(operator, RULES) == []


def test_a_cell_is_opened_by_keyboard_and_has_its_titles_whole(
    backlog_of_1500, operator, live_server
):
    operator.goto(live_server.url + "/")
    cell = operator.locator(".cell.ready:has(.more)").first
    cell.locator(".more").press("Enter")
    expect(cell.locator("[data-card]:visible > a").nth(1)).to_be_focused()
    assert operator.evaluate(CUT, ".cell.whole :is(.title, .chips)") == 0
    cell.get_by_role("button", name="Fewer ready").press("Enter")
    expect(cell.locator("[data-card]:visible")).to_have_count(1)
    expect(cell.get_by_role("button", name="more ready")).to_be_focused()


def test_the_cells_of_a_lane_stand_close_on_a_phone(backlog_of_1500, operator, live_server):
    operator.set_viewport_size({"width": 390, "height": 900})
    operator.goto(live_server.url + "/")
    cells = operator.locator(".lane[data-phase=phase-8] .cell:visible")
    boxes = [box for box in (cell.bounding_box() for cell in cells.all()) if box["height"]]
    gaps = [after["y"] - box["y"] - box["height"] for box, after in pairwise(boxes)]
    assert gaps
    assert all(0 < gap < 12 for gap in gaps)


def test_what_a_card_waits_for_is_drawn_over_no_edge_of_it(backlog_of_1500, operator, live_server):
    operator.goto(live_server.url + "/")
    assert operator.locator(".dense .chip:visible").count() > 0
    assert operator.evaluate(DRAWN_OVER) == []


def test_the_next_card_takes_the_place_of_the_one_that_was_claimed(
    backlog_of_1500, operator, live_server
):
    operator.goto(live_server.url + "/")
    lane = operator.locator(".lane[data-phase=phase-3]")
    shown = lane.locator(".ready [data-card]:visible")
    expect(shown).to_have_attribute("data-card", "c123")
    height = lane.bounding_box()["height"]
    Card.objects.claim("another", card_id="c123")
    expect(shown).to_have_attribute("data-card", "c183")
    expect(lane.locator(".claimed .rest")).to_contain_text("+1")
    assert lane.bounding_box()["height"] == height


def test_a_cell_that_has_kept_its_height_is_opened_to_its_last_card(
    backlog_of_1500, operator, live_server
):
    operator.goto(live_server.url + "/")
    cell = operator.locator(".lane[data-phase=phase-3] .cell.ready")
    Card.objects.claim("another", card_id="c123")
    expect(cell.locator("[data-card]:visible")).to_have_attribute("data-card", "c183")
    cell.locator(".more").click()
    assert cell.evaluate("cell => cell.scrollHeight <= cell.clientHeight")


def test_what_has_the_focus_is_read(backlog_of_1500, operator, live_server):
    operator.goto(live_server.url + "/")
    operator.keyboard.press("j")
    for link in (":focus", ".running li > a:not(.worker)", ".attention li > a"):
        assert operator.evaluate(ROOM, link) >= 4


def test_who_asks_the_same_is_named_once_its_answer_is_open(backlog_of_1500, operator, live_server):
    operator.goto(live_server.url + "/")
    question = operator.locator(".attention li").first
    other = question.get_by_role("link", name="c68")
    expect(other).to_be_hidden()
    question.get_by_text("Answer all 2").click()
    expect(other).to_be_visible()


def test_on_a_phone_a_new_card_is_offered_beside_no_other(backlog_of_1500, operator, live_server):
    Card.objects.session().execute("DELETE FROM backlog WHERE status = 'done'")
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(live_server.url + "/")
    lane = operator.locator(".lane").first
    last = lane.locator("[data-card]:visible").last.bounding_box()
    assert lane.locator(".add").bounding_box()["y"] >= last["y"] + last["height"]


def test_without_a_script_the_times_are_whole(backlog_of_1500, plain, live_server):
    plain.set_viewport_size({"width": 1440, "height": 900})
    plain.goto(live_server.url + "/")
    assert plain.evaluate(CUT, ".dense .facts-line, .running .since") == 0


def test_the_first_claim_is_on_the_first_screen_of_a_phone(backlog_of_1500, operator, live_server):
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(live_server.url + "/")
    assert operator.evaluate(SCREEN)[0] >= 1


def test_who_let_a_lease_run_out_is_named_on_its_card(backlog_of_1500, operator, live_server):
    late = {"expired": True, "owner": "worker-that-slept"}
    CardFactory(id="late", title="Late", phase="phase-0", priority=9, **late)
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(live_server.url + "/")
    card = operator.locator('.claimed [data-card="late"]')
    assert card.locator(".worker").bounding_box()["width"] >= 24
    line = card.locator(".facts-line")
    assert line.evaluate("line => line.scrollWidth <= line.clientWidth")
    expect(card.get_by_text("expired")).to_be_visible()
