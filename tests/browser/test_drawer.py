"""A card beside the page that names it, and the keys of both."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs.cards import delete
from tests.browser.test_browser import in_light_and_dark
from tests.factories import AccountFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def drawer(board):
    """The card `waits`, open beside the board."""
    board.locator('[data-card="waits"] > a:not(.menu-of)').click()
    expect(board.locator("#drawer h1")).to_have_text("Waits waits")
    return board.locator("#drawer")


@pytest.mark.parametrize("close", ["Escape", "back", "button"])
def test_a_closed_drawer_leaves_the_page_the_address_and_the_focus_as_they_were(
    board, drawer, live_server, close
):
    expect(board).to_have_url(f"{live_server.url}/#/card/waits/")
    if close == "back":
        board.go_back()
    elif close == "Escape":
        board.keyboard.press("Escape")
    else:
        drawer.get_by_role("button", name="Close").click()
    expect(drawer).to_be_hidden()
    expect(board).to_have_url(live_server.url + "/")
    expect(board.locator('[data-card="waits"] > a:not(.menu-of)')).to_be_focused()


def test_the_focus_goes_to_where_the_card_is_by_then(board, drawer):
    Card.objects.block("waits")
    expect(board.locator('.blocked [data-card="waits"]')).to_be_attached()
    board.keyboard.press("Escape")
    expect(board.locator('[data-card="waits"] > a:not(.menu-of)')).to_be_focused()


def test_the_drawer_is_up_to_date_and_keeps_what_is_typed(board, drawer):
    drawer.get_by_label("Comment").fill("half a sen")
    Card.objects.edit("waits", title="Changed")
    expect(drawer.locator("h1")).to_have_text("Changed waits")
    expect(drawer.get_by_label("Comment")).to_have_value("half a sen")
    expect(drawer.locator(".graph a")).to_have_count(3)


@pytest.mark.parametrize("path", ["/card/waits/", "/#/card/waits/"])
def test_what_is_typed_outlives_the_session(operator, live_server, path):
    operator.goto(live_server.url + path)
    card = operator.locator("#main, #drawer").filter(visible=True).last
    card.get_by_label("Comment").fill("half a sen")
    Session.objects.all().delete()
    said = operator.get_by_text("what you typed stays").filter(visible=True)
    expect(said.first).to_be_visible()
    expect(card.get_by_label("Comment")).to_have_value("half a sen")
    card.get_by_role("button", name="Comment").click()
    expect(operator.get_by_label("Password")).to_be_visible()


def test_an_action_in_the_drawer_is_done_there(board, drawer, live_server):
    board.keyboard.press("c")
    expect(drawer.get_by_label("Comment")).to_be_focused()
    board.keyboard.type("said")
    drawer.get_by_role("button", name="Comment").click()
    expect(drawer.get_by_role("status").first).to_contain_text("Commented on waits")
    expect(drawer.locator("td.said").first).to_have_text("said")
    expect(drawer.get_by_label("Comment")).to_have_value("")
    board.keyboard.press("Escape")
    expect(board).to_have_url(f"{live_server.url}/")


def test_the_next_card_takes_the_place_of_the_one_that_is_open(board, drawer, live_server):
    board.keyboard.press("k")
    expect(drawer.locator("h1")).not_to_have_text("Waits waits")
    drawer.get_by_role("link", name="Open as a page").focus()
    board.keyboard.press("j")
    expect(drawer.locator("h1")).to_have_text("Waits waits")
    drawer.locator(".chip", has_text="stopped").click()
    expect(drawer.locator("h1")).to_have_text("About stopped stopped")
    board.go_back()
    expect(board).to_have_url(live_server.url + "/")


def test_with_a_modifier_a_card_is_a_page_of_its_own(board, live_server):
    with board.context.expect_page() as opened:
        board.locator('[data-card="waits"] > a:not(.menu-of)').click(modifiers=["Control"])
    expect(opened.value).to_have_url(f"{live_server.url}/card/waits/")
    expect(board.locator("#drawer")).to_be_hidden()


@pytest.mark.parametrize("address", ["/#/card/waits/", "/cards/#/card/waits/"])
def test_an_address_with_a_card_opens_it_and_is_accessible(
    operator, complaints, live_server, address
):
    operator.goto(live_server.url + address)
    expect(operator.get_by_role("dialog", name="Waits waits")).to_be_visible()
    expect(operator.locator("#drawer .graph a")).to_have_count(3)
    assert in_light_and_dark(operator) == []


@pytest.mark.parametrize("address", ["/#/card/nowhere/", "/#/card/"])
def test_a_card_that_is_not_there_is_a_page_that_says_so(operator, live_server, address):
    operator.goto(live_server.url + address)
    if "nowhere" in address:
        expect(operator).to_have_url(f"{live_server.url}/card/nowhere/")
    expect(operator.locator("dialog[open]")).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/cards/", "/card/waits/"])
def test_every_page_of_cards_explains_its_keys(operator, complaints, live_server, path):
    operator.goto(live_server.url + path)
    operator.keyboard.press("?")
    expect(operator.get_by_role("dialog", name="Keys")).to_be_visible()
    assert in_light_and_dark(operator) == []


def test_keys_walk_the_list_and_act_on_a_card(operator, live_server):
    operator.goto(live_server.url + "/cards/")
    operator.keyboard.press("j")
    operator.keyboard.press("x")
    expect(operator.locator("tbody tr input").first).to_be_checked()
    operator.goto(live_server.url + "/card/stopped/")
    operator.keyboard.press("u")
    expect(operator.get_by_label("Answer")).to_be_focused()
    operator.get_by_label("Answer").blur()
    operator.keyboard.press("e")
    expect(operator).to_have_url(f"{live_server.url}/card/stopped/edit/")


def test_a_card_that_is_deleted_in_the_drawer_is_gone_with_it(operator, live_server):
    operator.goto(live_server.url + "/#/card/ready-2/")
    operator.locator("#drawer").get_by_role("button", name="Delete").click()
    operator.locator("dialog.asked").get_by_role("button", name="Delete").click()
    expect(operator.locator("dialog[open]")).to_have_count(0)
    expect(operator.get_by_role("status")).to_contain_text(["Deleted ready-2"])
    expect(operator).to_have_url(live_server.url + "/")


def test_a_label_in_the_drawer_is_of_its_own_field(board, drawer):
    drawer.get_by_text("Reason to cancel").click()
    expect(drawer.get_by_label("Reason to cancel")).to_be_focused()


def log_in_by_hand(page) -> None:
    """As an operator, after a first try with another's password."""
    AccountFactory(operator=True, username="ada")
    for password in ("wrong", "secret"):
        page.get_by_label("Username").fill("ada")
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Log in").click()


@pytest.mark.parametrize("path", ["/?status=waiting", "/cards/"])
def test_a_login_leads_back_to_the_card_that_the_address_names(page, complaints, live_server, path):
    page.goto(f"{live_server.url}{path}#/card/waits/")
    log_in_by_hand(page)
    expect(page.locator("#drawer h1")).to_have_text("Waits waits")
    expect(page).to_have_url(f"{live_server.url}{path}#/card/waits/")


def test_a_session_that_ends_in_the_drawer_begins_there_again(operator, live_server):
    operator.goto(live_server.url + "/#/card/waits/")
    expect(operator.locator("#drawer h1")).to_have_text("Waits waits")
    Session.objects.all().delete()
    expect(operator.get_by_label("Password")).to_be_visible()
    log_in_by_hand(operator)
    expect(operator.locator("#drawer h1")).to_have_text("Waits waits")


def asked_in_a_minute(page) -> list[str]:
    """What of the card `held` is asked for in the next one; `page` has a clock."""
    asked: list[str] = []
    page.on("request", lambda each: "/card/held/" in each.url and asked.append(each.url))
    page.clock.run_for(60_000)
    return asked


@pytest.mark.parametrize("path", ["/card/held/", "/#/card/held/"])
@pytest.mark.parametrize("typed", ["", "half a sen"])
def test_a_card_that_somebody_deletes_is_told_once_and_what_is_typed_stays(
    operator, complaints, live_server, path, typed
):
    operator.clock.install()
    operator.goto(live_server.url + path)
    card = operator.locator("#drawer" if "#" in path else "body")
    card.get_by_label("Comment").fill(typed)
    delete(Card.objects.session(), "held", force=True)
    said = card.get_by_role("status").filter(has_text="Card held was deleted.")
    expect(said).to_be_in_viewport(ratio=1)
    if typed:
        expect(card.get_by_label("Comment")).to_have_value(typed)
        expect(card.get_by_text("What you typed stays here")).to_be_visible()
    else:
        expect(card.get_by_role("heading", name="Card held was deleted")).to_be_visible()
        expect(card.get_by_role("group", name="History")).to_contain_text("delete")
    # Where its output stays in sight it is asked for once more.
    expect(card.get_by_text("colour 32")).to_have_count(0)
    assert asked_in_a_minute(operator) == []


def test_after_one_that_was_deleted_the_next_card_is_followed(board, drawer):
    delete(Card.objects.session(), "waits", force=True)
    expect(drawer.locator("h1")).to_have_text("Card waits was deleted")
    board.keyboard.press("Escape")
    board.locator('[data-card="ready-1"] > a:not(.menu-of)').first.click()
    expect(drawer.locator("h1")).to_have_text("About ready-1 ready-1")
    Card.objects.edit("ready-1", title="Changed")
    expect(drawer.locator("h1")).to_have_text("Changed ready-1")
    expect(drawer.get_by_text("was deleted")).to_be_hidden()


def test_the_output_of_a_card_that_was_deleted_is_not_asked_for_again(
    operator, complaints, live_server
):
    operator.clock.install()
    operator.goto(live_server.url + "/card/held/output/")
    delete(Card.objects.session(), "held", force=True)
    expect(operator.get_by_text("The card was deleted, and what it printed")).to_be_visible()
    assert asked_in_a_minute(operator) == []
