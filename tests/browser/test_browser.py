"""The pages as people use them: in a browser, with and without JavaScript, by keyboard."""

import pytest
from axe_playwright_python.base import AXE_SCRIPT
from playwright.sync_api import expect

from backlog.lifecycle import LONGEST_NAME
from backlog.models import Card
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

PAGES = {
    "board": "/",
    "columns": "/?layout=columns",
    "list": "/cards/",
    "card": "/card/waits/",
    "blocked card": "/card/stopped/",
    "claimed card": "/card/held/",
    "output": "/card/held/output/",
    "no card": "/card/nowhere/",
    "create": "/cards/new/",
    "edit": "/card/ready-1/edit/",
    "fleet": "/fleet/",
    "activity": "/activity/",
    "doctor": "/doctor/",
    "control": "/control/",
    "search": "/search/?q=about",
    "plan": "/plan/",
    "start": "/start/",
    "roles": "/roles/",
    "role": "/roles/code/",
    "north star": "/north-star/",
    "escalations": "/escalations/",
    "webhooks": "/webhooks/",
    "signals": "/signals/",
    "repeats": "/repeats/",
    "admin": "/admin/",
    "admin list": "/admin/backlog/card/",
    "admin add": "/admin/backlog/card/add/",
    "phase": "/phase/M1/",
    "no phase": "/phase/",
    "worker": "/worker/worker-1/",
    "admin card": "/admin/backlog/card/stopped/change/",
    "admin history": "/admin/backlog/card/held/history/",
    "admin events": "/admin/backlog/event/",
    "admin run": "/admin/backlog/run/9223372036854775807-held/change/",
}
RULES = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21aa", "wcag22aa"]}
OF_COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
# The admin fades from one colour into the other, and contrast is poor on the way. What goes by
# how far something is scrolled never ends.
FADED = """Promise.all(document.getAnimations().filter(each => each.timeline === document.timeline)
    .map(each => each.finished)).then(() => null)"""


def violations(page, rules) -> list[str]:
    # Only the violations are worked out: half the time.
    options = {"runOnly": rules, "resultTypes": ["violations"]}
    if page.evaluate("!window.axe"):
        page.evaluate(AXE_SCRIPT)
    found = page.evaluate("chosen => axe.run(chosen).then(all => all.violations)", options)
    return [
        f"{rule['id']}: {node['target']} {node['html'][:160]}"
        for rule in found
        for node in rule["nodes"]
    ]


def in_light_and_dark(page) -> list[str]:
    """What is wrong with a page in either theme: neither is anything but a colour."""
    found = []
    for theme, rules in (("light", RULES), ("dark", OF_COLOURS)):
        page.emulate_media(color_scheme=theme)
        page.evaluate(FADED)
        found += violations(page, rules)
    return found


def test_the_login_is_accessible(page, live_server, complaints):
    page.goto(live_server.url + "/")
    assert in_light_and_dark(page) == []


def wider_than_the_window(page, *widths: int) -> list[int]:
    """At which of these widths a page scrolls sideways."""
    found = []
    for width in widths:
        page.set_viewport_size({"width": width, "height": 800})
        if page.evaluate("document.documentElement.scrollWidth") > width:
            found.append(width)
    return found


def test_no_endless_word_widens_a_page_or_hides_the_columns_beside_it(operator, live_server):
    word = "W" * LONGEST_NAME
    CardFactory(id=word, title=word, phase=word, claimed=True, owner=word)
    CardFactory(id="after", depends_on=[word])
    pages = [f"/worker/{word}/", f"/phase/{word}/", f"/card/{word}/", "/card/after/", "/fleet/"]
    for path in (*pages, f"/cards/?owner={word}"):
        operator.goto(live_server.url + path)
        assert wider_than_the_window(operator, 390, 1440) == []
    operator.goto(live_server.url + "/fleet/")
    assert operator.locator("td", has_text=word).first.bounding_box()["width"] <= 640
    operator.goto(live_server.url + "/cards/")
    expect(operator.get_by_role("columnheader", name="State")).to_be_in_viewport(ratio=1)


def test_a_claim_elsewhere_shows_by_itself_and_the_focus_stays(board):
    board.locator('[data-card="ready-2"] a').first.focus()
    Card.objects.claim("worker-9", card_id="ready-1")
    expect(board.locator('.claimed [data-card="ready-1"]')).to_contain_text("worker-9")
    focused = "document.activeElement.closest('[data-card]')?.dataset.card"
    assert board.evaluate(focused) == "ready-2"


def test_what_is_selected_stays_selected_when_its_cell_changes(board):
    board.locator('[data-card="ready-2"] input').check()
    Card.objects.edit("ready-1", title="Changed")
    expect(board.locator('[data-card="ready-1"]')).to_contain_text("Changed")
    expect(board.locator('[data-card="ready-2"] input')).to_be_checked()
    expect(board.locator("#selected")).to_have_text("1 selected: 1 ready")


def test_the_focus_follows_its_card_into_another_cell(board):
    board.locator('[data-card="ready-2"] a').first.focus()
    Card.objects.block("ready-2")
    expect(board.locator('.blocked [data-card="ready-2"]')).to_be_visible()
    expect(board.locator('.blocked [data-card="ready-2"] > a')).to_be_focused()


def test_a_new_lane_appears_by_itself(board):
    Card.objects.create(id="new", title="New", phase="M9")
    expect(board.locator('[data-card="new"]')).to_be_visible()


def test_a_form_that_is_open_is_left_alone(board):
    board.locator("#search").fill("half a wor")
    Card.objects.claim("worker-9", card_id="ready-1")
    expect(board.locator('.claimed [data-card="ready-1"]')).to_be_visible()
    expect(board.locator("#search")).to_have_value("half a wor")
    expect(board.locator("#search")).to_be_focused()


def test_selected_cards_are_blocked_with_a_reason(board):
    for card_id in ("ready-1", "ready-2"):
        board.locator(f'[data-card="{card_id}"] input').check()
    board.get_by_role("button", name="Block…", exact=True).click()
    toolbar = board.locator("#toolbar")
    toolbar.get_by_label("Reason", exact=False).locator("visible=true").select_option("capability")
    toolbar.get_by_role("button", name="Block", exact=True).click()
    expect(board.locator(".messages")).to_contain_text("Blocked 2 cards")
    blocked = Card.objects.filter(block_reason="capability").values_list("pk", flat=True)
    assert set(blocked) == {"ready-1", "ready-2"}


def test_a_move_of_what_changed_meanwhile_is_refused(operator, live_server):
    operator.goto(live_server.url + "/cards/")
    operator.locator('[data-card="ready-1"] input').check()
    Card.objects.claim("worker-9", card_id="ready-1")
    operator.get_by_role("button", name="Complete").click()
    expect(operator.locator("h1")).to_have_text("ready-1 has changed since you looked")
    expect(operator.locator("main")).to_contain_text("held by worker-9")
    assert Card.objects.get(pk="ready-1").status == "claimed"


def test_keys_walk_the_board_and_explain_themselves(board, live_server):
    board.keyboard.press("?")
    expect(board.get_by_role("dialog")).to_be_visible()
    board.keyboard.press("Escape")
    board.keyboard.press("/")
    expect(board.locator("#search")).to_be_focused()
    board.locator("#search").blur()
    board.keyboard.press("j")
    board.keyboard.press("Enter")
    expect(board).to_have_url(f"{live_server.url}/#/card/ready-1/")


def test_all_of_it_works_without_javascript(plain, live_server):
    plain.goto(live_server.url + "/")
    plain.locator('[data-card="stopped"] input').check()
    plain.get_by_role("button", name="Unblock", exact=True).click()
    expect(plain.locator(".messages")).to_contain_text("Unblocked stopped.")
    plain.get_by_role("link", name="Lanes as columns").click()
    plain.get_by_role("link", name="Waits waits").click()
    expect(plain.locator("h1")).to_have_text("Waits waits")
    plain.get_by_role("button", name="Remove ready-1").click()
    assert Card.objects.get(pk="waits").depends_on == ["stopped"]


def test_a_stale_edit_is_carried_over_and_saved_on_top(plain, live_server):
    plain.goto(live_server.url + "/card/ready-1/edit/")
    plain.get_by_label("Title").fill("Mine")
    Card.objects.edit("ready-1", title="Theirs", priority=5)
    plain.get_by_role("button", name="Save").click()
    expect(plain.get_by_role("alert")).to_contain_text("nothing was saved")
    expect(plain.get_by_label("Title")).to_have_value("Mine")
    expect(plain.get_by_label("Title")).to_have_accessible_description("The card has now: Theirs")
    plain.get_by_label("Priority").fill("5")
    plain.get_by_role("button", name="Save").click()
    card = Card.objects.get(pk="ready-1")
    assert (card.title, card.priority) == ("Mine", 5)


def test_a_stale_edit_is_accessible(operator, live_server):
    operator.goto(live_server.url + "/card/ready-1/edit/")
    Card.objects.edit("ready-1", title="Theirs")
    operator.get_by_label("Title").fill("Mine")
    operator.get_by_role("button", name="Save").click()
    expect(operator.get_by_role("alert")).to_be_visible()
    assert in_light_and_dark(operator) == []


def test_a_destructive_action_asks_once(operator, live_server):
    operator.goto(live_server.url + "/card/held/")
    operator.get_by_role("button", name="Release").click()
    expect(operator.locator(".warning")).to_contain_text("loses its claim")
    operator.get_by_role("button", name="Release").click()
    expect(operator.locator(".messages")).to_contain_text("Released held.")
    assert Card.objects.get(pk="held").status == "ready"


def test_expired_claims_are_reclaimed_from_the_fleet(operator, live_server):
    operator.goto(live_server.url + "/fleet/")
    operator.get_by_role("button", name="Reclaim all 1").click()
    expect(operator.locator(".messages")).to_contain_text("Reclaimed late.")
    expect(operator.get_by_role("heading", name="Expired claims")).to_have_count(0)


def test_the_admin_acts_on_what_is_selected(operator, live_server, complaints):
    operator.goto(live_server.url + "/admin/backlog/card/")
    operator.get_by_label("Select this object for an action - ready-1 About ready-1").check()
    operator.locator("select[name=action]").select_option("complete")
    operator.get_by_role("button", name="Run").click()
    expect(operator.locator(".messagelist")).to_contain_text("Completed ready-1.")
