"""All of an operator's work by keyboard: no mouse, and no focus that a key did not give."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def press(board):
    """Presses keys on the open board, one after the other: `press("j", "x")`."""

    def keys(*given: str) -> None:
        for key in given:
            board.keyboard.press(key)

    return keys


def go(page, words: str) -> None:
    """To what the palette finds."""
    page.keyboard.press("Control+k")
    page.keyboard.type(words)
    expect(page.locator("#found [aria-selected=true]")).to_contain_text(words)
    page.keyboard.press("Enter")


def said(page):
    return page.locator(".message")


def test_a_question_is_found_and_answered(board, press):
    go(board, "About stopped")
    expect(board.locator("#drawer h1")).to_have_text("About stopped stopped")
    press("u")
    board.keyboard.type("the first")
    press("Tab", "Enter")
    expect(said(board)).to_contain_text("Answered and unblocked stopped.")
    press("Escape")
    expect(board.locator(".ready [data-card=stopped] > a").first).to_be_focused()
    assert Card.objects.get(pk="stopped").answer == "the first"


@pytest.mark.parametrize("path", ["/", "/cards/?sort=id&status=ready"])
def test_what_was_done_to_a_card_is_undone(board, press, live_server, path):
    board.goto(live_server.url + path)
    press("j", "x", "a", "Enter")
    expect(said(board)).to_contain_text("Completed ready-1.")
    press("z", "Enter")
    expect(said(board)).to_contain_text("Undone: ready-1 is ready again.")


def test_an_action_is_chosen_and_told_what_it_needs(board, press):
    press("j", "x", "a")
    while board.locator(":focus").inner_text() != "Set priority…":
        press("Tab")
    press("Enter")
    board.keyboard.type("77")
    press("Enter")
    expect(said(board)).to_contain_text("Set the priority of ready-1.")
    assert Card.objects.get(pk="ready-1").priority == 77


def test_a_lane_is_folded_and_is_so_after_coming_back(board, press, live_server):
    press("Tab", "Tab", "Enter", "Tab", "Tab", "Enter")
    lane = board.locator(".lane > details").first
    expect(lane).not_to_have_attribute("open", "")
    go(board, "Fleet")
    expect(board).to_have_url(f"{live_server.url}/fleet/")
    board.go_back()
    expect(lane).not_to_have_attribute("open", "")
