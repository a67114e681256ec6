"""The board under a finger, on a phone."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def phone(browser, log_in, live_server):
    """The board on a phone."""
    screen = {"width": 390, "height": 844}
    context = browser.new_context(viewport=screen, has_touch=True, is_mobile=True)
    log_in(context)
    page = context.new_page()
    page.goto(live_server.url + "/")
    expect(page.locator("#lanes.graspable")).to_be_attached()
    yield page
    context.close()


@pytest.fixture
def finger(phone):
    """Does this with one finger at a point: `finger("touchStart", x, y)`."""
    protocol = phone.context.new_cdp_session(phone)

    def does(what: str, *at: float) -> None:
        points = [dict(zip("xy", at, strict=True))] if at else []
        protocol.send("Input.dispatchTouchEvent", {"type": what, "touchPoints": points})

    return does


def middle(page, what: str) -> tuple[float, float]:
    """Where it is, in the middle of the window if it can be."""
    part = page.locator(what)
    part.evaluate("part => part.scrollIntoView({ block: 'center', behavior: 'instant' })")
    box = part.bounding_box()
    return box["x"] + 40, box["y"] + box["height"] / 2


def test_a_finger_that_moves_scrolls_and_drags_nothing(phone, finger):
    x, y = middle(phone, "[data-card=ready-1] > a")
    before = phone.evaluate("scrollY")
    finger("touchStart", x, y)
    for n in range(1, 9):
        finger("touchMove", x, y - 25 * n)
    assert phone.locator(".sortable-chosen, .dragging").count() == 0
    finger("touchEnd")
    phone.wait_for_function("before => scrollY > before + 50", arg=before)


def test_a_finger_that_stays_takes_a_card_to_another_lane(phone, finger):
    x, y = middle(phone, "[data-card=stopped] > a")
    finger("touchStart", x, y)
    card = phone.locator("[data-card=stopped].sortable-chosen")
    expect(card).to_be_attached()
    menu = (
        "new PointerEvent('contextmenu', {pointerType: 'touch', bubbles: true, cancelable: true})"
    )
    assert not card.evaluate(f"card => card.dispatchEvent({menu})")
    finger("touchMove", x, y + 20)
    expect(phone.locator("#lanes.dragging")).to_be_attached()
    box = phone.locator(".lane[data-phase=M2]").bounding_box()
    finger("touchMove", x, box["y"] + 20)
    expect(phone.locator(".lane.target")).to_have_attribute("data-phase", "M2")
    finger("touchEnd")
    expect(phone.locator(".message")).to_contain_text("Set the phase of stopped.")
    assert Card.objects.get(pk="stopped").phase == "M2"
