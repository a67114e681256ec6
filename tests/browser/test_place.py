"""An open page keeps its place: nothing moves by itself, or happens that nobody asked for."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card, Event
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

SHIFTS = """window.shifts = 0;
new PerformanceObserver(list => list.getEntries().forEach(each => window.shifts += each.value))
    .observe({type: "layout-shift"})"""
NEWS = """window.said = [];
new MutationObserver(() => window.said.push(document.getElementById("news").textContent))
    .observe(document.getElementById("news"), {childList: true})"""


@pytest.fixture
def many_cards():
    """Cards of some lanes, all open, with titles of one line and of more."""
    for n in range(40):
        title = "A title that takes more than one line " * (n % 3)
        CardFactory(id=f"c{n:02}", title=f"About {n} {title}", phase=f"L{n % 4}")


@pytest.fixture
def long_board(many_cards, operator, live_server):
    """The page of an operator who looks at a board of many lanes."""
    operator.goto(live_server.url + "/")
    return operator


def card(page, card_id: str):
    return page.locator(f'[data-card="{card_id}"]')


@pytest.mark.parametrize("path", ["/", "/cards/"])
@pytest.mark.parametrize("script", [True, False])
def test_enter_in_a_box_does_nothing(request, live_server, path, script):
    page = request.getfixturevalue("operator" if script else "plain")
    page.goto(live_server.url + path)
    events = Event.objects.count()
    card(page, "ready-1").locator("input").focus()
    page.keyboard.press("Space")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Block…", exact=True).click()
    expect(page.locator("[name=reason]:visible")).to_be_attached()
    assert Event.objects.count() == events


@pytest.mark.parametrize("scrolled", [0, 700])
def test_work_elsewhere_moves_nothing_that_is_in_view(long_board, scrolled):
    long_board.evaluate(f"scrollTo(0, {scrolled})")
    long_board.evaluate(SHIFTS)
    for n in range(0, 24, 2):
        Card.objects.claim("w", card_id=f"c{n:02}")
        Card.objects.block(f"c{n + 1:02}")
    CardFactory(id="new", phase="L00")
    expect(card(long_board, "new")).to_be_attached()
    expect(long_board.locator(".blocked [data-card='c23']")).to_be_attached()
    Card.objects.complete("c00")
    expect(card(long_board, "c00")).to_have_count(0)
    long_board.evaluate("new Promise(done => requestAnimationFrame(() => setTimeout(done)))")
    assert long_board.evaluate("shifts") < 0.02


def test_a_card_that_comes_takes_the_place_of_one_that_went(board):
    place = card(board, "held").bounding_box()
    Card.objects.complete("held")
    expect(card(board, "held")).to_have_count(0)
    Card.objects.claim("worker-9", card_id="ready-2")
    expect(card(board, "ready-2")).to_contain_text("worker-9")
    assert card(board, "ready-2").bounding_box() == place
    board.keyboard.press("r")
    expect(board.locator(".gone")).to_have_count(0)
    assert board.locator(".claimed [data-card]").all_inner_texts()[0].startswith("About late")


def test_only_what_matters_is_told_and_at_most_once_in_a_while(board):
    board.evaluate(NEWS)
    Card.objects.claim("worker-9", card_id="ready-1")
    expect(card(board, "ready-1")).to_contain_text("worker-9")
    Card.objects.block("ready-2")
    expect(board.locator("#attention h2")).to_contain_text("3")
    Card.objects.block("waits")
    expect(board.locator("#attention h2")).to_contain_text("4")
    assert board.evaluate("said") == ["3 cards need attention."]


@pytest.mark.parametrize("path", ["/", "/cards/"])
def test_after_an_action_the_page_is_where_it_was(long_board, live_server, path):
    long_board.goto(live_server.url + path)
    card(long_board, "c38").locator("input").check()
    before = card(long_board, "c32").bounding_box()["y"]
    long_board.get_by_role("button", name="Set priority").click()
    toolbar = long_board.locator("#toolbar")
    toolbar.get_by_label("Priority").fill("-1")
    toolbar.get_by_role("button", name="Set priority").click()
    expect(long_board.locator(".messages")).to_be_in_viewport()
    long_board.wait_for_function(
        """before => scrollY > 0 && Math.abs(before
            - document.querySelector('[data-card=c32]').getBoundingClientRect().top) < 2""",
        arg=before,
    )


def test_the_word_that_there_is_nothing_goes_with_the_first_card(board, live_server):
    board.goto(live_server.url + "/?phase=M9")
    expect(board.locator(".empty")).to_have_count(1)
    CardFactory(id="first", phase="M9")
    expect(card(board, "first")).to_be_visible()
    expect(board.locator(".empty")).to_have_count(0)


def test_a_lane_that_goes_stays_as_long_as_it_is_in_view(board):
    place = board.locator(".lane").last.bounding_box()["y"]
    Card.objects.edit("waits", phase="M1")
    expect(board.locator(".lane.gone")).to_have_count(1)
    assert board.locator(".lane").last.bounding_box()["y"] == pytest.approx(place, abs=2)
    board.keyboard.press("r")
    expect(board.locator(".lane")).to_have_count(1)


def test_a_lane_stays_folded_in_this_browser(board):
    lane = board.locator(".lane details").first
    lane.locator("summary").click()
    board.reload()
    expect(lane).not_to_have_attribute("open", "")
    lane.locator("summary").click()
    board.reload()
    expect(lane).to_have_attribute("open", "")


@pytest.mark.parametrize(("path", "tabs"), [("/", 4), ("/cards/", 1)])
def test_a_few_keys_lead_to_the_first_card_to_the_actions_and_back(
    operator, live_server, path, tabs
):
    operator.goto(live_server.url + path)
    for key in ("Tab", "Tab", "Enter", *["Tab"] * tabs):
        operator.keyboard.press(key)
    box = operator.locator(":focus")
    expect(box).to_have_attribute("name", "card")
    operator.keyboard.press("a")
    expect(operator.get_by_role("button", name="Complete")).to_be_focused()
    operator.keyboard.press("Escape")
    assert operator.evaluate("document.activeElement.name") == "card"


def test_the_actions_are_within_reach_without_javascript(plain, many_cards, live_server):
    plain.goto(live_server.url + "/")
    expect(plain.get_by_role("button", name="Complete")).to_be_in_viewport()
    card(plain, "c03").locator("input").focus()
    while plain.locator(":focus").inner_text() != "Skip to the actions":
        plain.keyboard.press("Tab")
    plain.keyboard.press("Enter")
    plain.keyboard.press("Tab")
    expect(plain.get_by_role("button", name="Complete")).to_be_focused()


CLIPPED = """element => {
    const style = getComputedStyle(element);
    if (style.outlineStyle === "none") return false;
    const ring = parseFloat(style.outlineWidth) + parseFloat(style.outlineOffset);
    const own = element.getBoundingClientRect();
    for (let box = element.parentElement; box; box = box.parentElement) {
        const { overflowX, contentVisibility } = getComputedStyle(box);
        const edge = box.getBoundingClientRect();
        const clips = overflowX !== "visible" || contentVisibility === "auto";
        if (clips && (own.left - ring < edge.left || own.right + ring > edge.right)) return true;
    }
    return false;
}"""


@pytest.mark.parametrize("path", ["/", "/?layout=columns", "/cards/"])
def test_no_outline_is_cut_off(operator, live_server, path):
    operator.goto(live_server.url + path)
    row = card(operator, "ready-1")
    row.locator("input").check()
    assert not row.evaluate(CLIPPED)
    operator.keyboard.press("Tab")  # from here on the keyboard has the focus
    for element in operator.locator(".lane summary, [data-card] a, [data-card] input").all():
        element.focus()
        assert not element.evaluate(CLIPPED)


def test_what_cancels_a_card_is_not_called_as_what_cancels_a_dialog(board):
    expect(board.get_by_role("button", name="Cancel card…")).to_have_count(1)
    expect(board.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)


def test_what_has_come_below_the_edge_of_a_part_that_keeps_its_height_is_hinted_at(board):
    running = board.locator(".running")
    for n in range(6):
        CardFactory(id=f"more-{n}", claimed=True, owner=f"builder-{n}")
    expect(running.get_by_text("builder-5")).to_be_attached()
    fades = "part => getComputedStyle(part).getPropertyValue('--below')"
    assert running.evaluate(fades) == "20px"
    running.evaluate("part => part.scrollTop = 9999")
    board.wait_for_function("() => new Promise(requestAnimationFrame)")
    assert running.evaluate(fades) == "0px"


def test_the_shadow_of_a_claim_stands_as_the_claim_did(board):
    row = board.locator(".running li")
    places = "row => [...row.children].map(part => part.getBoundingClientRect().x)"
    before = row.evaluate(places)
    Card.objects.complete("held")
    expect(board.locator(".running li.gone")).to_be_attached()
    assert board.locator(".running li.gone").evaluate(places) == before
