"""A card has room where it is shown: nothing of it is cut, and its actions are at hand."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs.runs import Report
from tests.browser.test_browser import in_light_and_dark
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

WIDE = "a_word_of_code_that_is_rather_long "
BODY = f"| one | two | three |\n|---|---|---|\n| {WIDE} | {WIDE} | {WIDE} |\n\n```\n{WIDE * 8}\n```"
# What is wider than its place and cannot be scrolled to, or can, and does not say so: an edge in
# shadow has more behind it.
CUT = """root => [...document.querySelectorAll(`${root} *`)].filter((part) => {
    const { display, overflowX } = getComputedStyle(part);
    const clips = part.checkVisibility() && display !== "inline" && overflowX !== "visible";
    if (!clips || part.clientWidth < 3 || part.scrollWidth <= part.clientWidth + 1) return false;
    const shown = ["::before", "::after"].map((edge) => getComputedStyle(part, edge).opacity);
    const rest = part.scrollWidth - part.clientWidth - part.scrollLeft;
    const meant = [part.scrollLeft > 1, rest > 1].map((more) => `${+more}`);
    return overflowX !== "auto" || `${shown}` !== `${meant}`;
}).map((part) => part.outerHTML.slice(0, 100))"""


@pytest.fixture(autouse=True)
def wide_card(busy_board):
    """A card with runs, with texts that take room, and a chain of cards before it."""
    for n in range(4):
        CardFactory(id=f"before-{n}", depends_on=[f"before-{n - 1}"] if n else [])
    CardFactory(id="wide", title="Wide", phase="M1", body=BODY, acceptance={"is": WIDE * 8})
    Card.objects.link("wide", "before-3")
    for n in range(4):
        Card.objects.complete(f"before-{n}")
    for n in range(1, 4):
        owner = f"build-worker-number-{n}"
        Card.objects.claim(owner, card_id="wide")
        report = Report(f"attempt {n}: " + WIDE * 3, tokens=1234567, cost="12.3456")
        Card.objects.release("wide", owner, n, report=report)


@pytest.mark.parametrize("width", [390, 1440, 2560])
@pytest.mark.parametrize("path", ["/#/card/wide/", "/card/wide/"])
def test_nothing_of_a_card_is_cut(operator, complaints, live_server, path, width):
    operator.set_viewport_size({"width": width, "height": 900})
    operator.goto(live_server.url + path)
    root = "#drawer" if "#" in path else "main"
    card = operator.locator(root)
    expect(card.locator(".graph a")).to_have_count(4)
    runs = card.get_by_role("group", name="Runs")
    assert runs.evaluate("runs => runs.scrollWidth <= runs.clientWidth")
    expect(runs).to_contain_text("12.3456")
    assert operator.evaluate(CUT, root) == []
    assert in_light_and_dark(operator) == []


def test_the_edge_of_what_scrolls_is_in_shadow_as_long_as_there_is_more(operator, live_server):
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(live_server.url + "/card/wide/")
    drawing = operator.locator("#drawing")
    expect(drawing.locator("a")).to_have_count(4)
    edge = "(part, [edge, opacity]) => getComputedStyle(part, edge).opacity === opacity"
    for to, left, right in ((0, "0", "1"), (150, "1", "1"), (9999, "1", "0")):
        drawing.evaluate(f"part => part.scrollLeft = {to}")
        operator.wait_for_function("() => new Promise(requestAnimationFrame)")
        assert drawing.evaluate(edge, ["::before", left])
        assert drawing.evaluate(edge, ["::after", right])


@pytest.mark.parametrize("path", ["/#/card/wide/", "/card/wide/"])
def test_on_a_phone_the_actions_are_on_the_first_screen(operator, complaints, live_server, path):
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(live_server.url + path)
    card = operator.locator("#drawer" if "#" in path else "main")
    for name in ("Complete", "Block…", "Delete"):
        expect(card.get_by_role("button", name=name, exact=True)).to_have_count(1)
        expect(card.get_by_role("button", name=name, exact=True)).to_be_in_viewport(ratio=1)
    operator.keyboard.press("a")
    expect(card.get_by_role("button", name="Complete")).to_be_focused()
    card.get_by_role("button", name="Block…").click()
    operator.get_by_label("Note").filter(visible=True).fill("which way?")
    operator.get_by_role("button", name="Block", exact=True).click()
    expect(operator.get_by_text("Blocked wide.")).to_be_visible()
    assert Card.objects.get(pk="wide").block_note == "which way?"


@pytest.mark.parametrize("who", ["operator", "plain"])
def test_on_a_phone_a_field_that_is_asked_for_begins_with_what_the_card_has(
    request, live_server, who
):
    page = request.getfixturevalue(who)
    page.set_viewport_size({"width": 390, "height": 844})
    page.goto(live_server.url + "/card/wide/")
    page.get_by_role("button", name="Set phase…").click()
    expect(page.get_by_role("heading", name="Set the phase of wide")).to_be_visible()
    expect(page.get_by_label("Phase").filter(visible=True)).to_have_value("M1")


@pytest.mark.parametrize("path", ["/phase/M1/", "/worker/worker-1/"])
def test_on_a_phone_what_holds_back_is_a_link_away(plain, live_server, path):
    plain.set_viewport_size({"width": 390, "height": 844})
    plain.goto(live_server.url + path)
    link = plain.get_by_role("link", name="Pause and limit", exact=True).filter(visible=True)
    expect(link).to_be_in_viewport()
    link.click()
    expect(plain.get_by_role("button", name="Pause", exact=True)).to_be_in_viewport()
    plain.set_viewport_size({"width": 1440, "height": 900})
    expect(plain.locator(".below")).to_be_hidden()


def test_on_a_phone_a_card_is_deleted_and_what_a_link_leads_to_is_there(plain, live_server):
    plain.set_viewport_size({"width": 390, "height": 844})
    plain.goto(live_server.url + "/card/wide/#press-block")
    expect(plain.locator("#press-block").get_by_label("Note")).to_be_in_viewport()
    plain.goto(live_server.url + "/card/wide/")
    plain.get_by_role("button", name="Delete").click()
    plain.get_by_role("button", name="Delete").click()
    expect(plain.get_by_text("Deleted wide")).to_be_visible()
    expect(plain).to_have_url(live_server.url + "/")


def test_beside_a_card_its_actions_have_their_fields_and_stand_once(operator, live_server):
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(live_server.url + "/card/wide/")
    expect(operator.get_by_role("button", name="Block")).to_have_count(1)
    expect(operator.locator("aside").get_by_label("Note")).to_be_visible()
