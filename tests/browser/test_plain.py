"""What an operator does who runs no JavaScript: each thing is a link, or a form and its answer."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card, Event
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def board(plain, live_server):
    """The board of this operator."""
    plain.goto(live_server.url + "/")
    return plain


def said(page):
    return page.locator(".messages")


def test_questions_that_are_the_same_are_answered_at_once_and_a_card_is_commented_on(board):
    CardFactory(id="asks", blocked=True, reason="needs_input", note="which one?")
    board.reload()
    board.get_by_text("Answer all 2").click()
    board.get_by_role("textbox", name="Answer").fill("the first")
    board.get_by_role("button", name="Answer and unblock 2 cards").click()
    expect(said(board)).to_contain_text("Answered and unblocked 2 cards.")
    board.locator('[data-card="asks"] > a').first.click()
    expect(board.locator("main")).to_contain_text("the first")
    board.get_by_label("Comment").fill("as the others")
    board.get_by_role("button", name="Comment").click()
    expect(said(board)).to_contain_text("Commented on asks.")
    assert Event.objects.filter(verb="comment").get().note == "as the others"


def test_what_an_action_on_a_selection_needs_is_asked_on_a_page_and_it_is_undone(board):
    for card_id in ("ready-1", "ready-2"):
        board.locator(f'[data-card="{card_id}"] input').check()
    board.get_by_role("button", name="Block…", exact=True).click()
    board.get_by_label("Reason").select_option("needs an answer")
    board.get_by_label("Note").fill("which way?")
    board.get_by_role("button", name="Block", exact=True).click()
    expect(said(board)).to_contain_text("Blocked 2 cards.")
    assert Card.objects.get(pk="ready-2").block_note == "which way?"
    said(board).get_by_role("button", name="Undo").click()
    expect(said(board)).to_contain_text("Undone: 2 cards are ready again.")


def test_an_outline_is_looked_at_and_made(board):
    board.get_by_role("button", name="More").click()
    board.get_by_role("link", name="Plan").click()
    board.get_by_label("Outline").fill("whole @M3\n  part")
    board.get_by_role("button", name="Preview").click()
    expect(board.locator("#ranks tbody tr")).to_have_count(2)
    board.get_by_role("button", name="Create 2 cards").click()
    expect(said(board)).to_contain_text("Created 2 cards.")
    assert Card.objects.get(pk="whole").depends_on == ["part"]


def test_on_a_phone_pages_and_filters_open_from_a_button(board):
    board.set_viewport_size({"width": 390, "height": 844})
    expect(board.get_by_label("Status")).to_be_hidden()
    assert board.locator(".top").bounding_box()["height"] < 60
    board.get_by_role("button", name="Filters").click()
    board.get_by_label("Status").select_option("blocked")
    board.get_by_role("button", name="Apply").click()
    expect(board.locator("#lanes [data-card]")).to_have_count(1)
    board.get_by_role("button", name="Menu").click()
    board.get_by_role("link", name="North star").click()
    expect(board.locator("h1")).to_have_text("North star")


def test_a_view_is_saved_under_a_name_and_leads_to_what_it_showed(board):
    board.get_by_label("Status").select_option("blocked")
    board.get_by_role("button", name="Apply").click()
    board.get_by_text("Save this view").click()
    board.get_by_label("Name for what is shown").fill("My questions")
    board.get_by_role("button", name="Save", exact=True).click()
    board.get_by_role("link", name="Remove blocked").click()
    board.get_by_role("link", name="My questions").click()
    expect(board.locator("#lanes [data-card]")).to_have_count(1)


def test_a_card_is_searched_its_output_read_and_the_fleet_looked_at_by_days(board):
    board.get_by_role("link", name="Search").click()
    board.get_by_label("Words").fill("about held")
    board.get_by_role("button", name="Search").click()
    board.get_by_role("link", name="held", exact=True).click()
    board.get_by_role("link", name="All that is kept of it").click()
    expect(board.locator("pre .fg-green")).to_have_text("colour 32")
    board.get_by_role("link", name="Fleet", exact=True).click()
    board.get_by_role("link", name="7 days").click()
    expect(board.locator(".heading [aria-current]")).to_have_text("7 days")
    expect(board.locator(".timeline tbody tr")).to_have_count(2)
