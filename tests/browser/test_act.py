"""An operator acts where the cards are: in the bar, in a menu, by dragging; and takes it back."""

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


def card(page, card_id: str):
    return page.locator(f'[data-card="{card_id}"]')


def bar(page, name: str):
    return page.locator("#toolbar").get_by_role("button", name=name, exact=True)


def said(page):
    return page.locator(".message")


def drag(page, what, to) -> None:
    """Up to the place where it is dropped, not yet dropped."""
    what.hover()
    expect(page.locator("#lanes.graspable")).to_be_visible()
    page.mouse.down()
    box = to.bounding_box()
    page.mouse.move(box["x"] + 40, box["y"] + 12, steps=8)


def test_the_bar_offers_what_suits_all_that_is_selected(board):
    card(board, "ready-1").locator("input").check()
    expect(bar(board, "Complete")).to_be_visible()
    card(board, "stopped").locator("input").check()
    expect(board.locator("#selected")).to_have_text("2 selected: 1 ready, 1 blocked")
    expect(bar(board, "Complete")).to_be_hidden()
    expect(bar(board, "Set priority…")).to_be_visible()


@pytest.mark.parametrize("path", ["/", "/cards/"])
def test_what_waits_is_not_said_to_be_ready(board, live_server, path):
    board.goto(live_server.url + path)
    card(board, "waits").locator("input").check()
    card(board, "ready-1").locator("input").check()
    said = board.locator("#selected")
    expect(said).to_have_text(re.compile("^2 selected: 1 (ready, 1 waiting|waiting, 1 ready)$"))


def test_what_an_action_needs_to_know_is_asked_in_the_bar(board):
    for card_id in ("ready-1", "ready-2"):
        card(board, card_id).locator("input").check()
    board.keyboard.press("a")
    bar(board, "Block…").press("Enter")
    board.keyboard.press("n")  # needs an answer
    board.keyboard.press("Tab")
    board.keyboard.type("which one?")
    board.keyboard.press("Tab")
    board.keyboard.press("Enter")
    expect(said(board)).to_contain_text("Blocked 2 cards.")
    expect(board.locator(".blocked [data-card='ready-2']")).to_be_visible()
    assert Card.objects.get(pk="ready-1").block_note == "which one?"
    said(board).get_by_role("button", name="Undo").click()
    expect(said(board)).to_contain_text("Undone: 2 cards are ready again.")


def test_a_card_is_changed_and_moved_in_its_menu_by_keyboard(board):
    link = card(board, "ready-1").locator(".menu-of")
    link.focus()
    board.keyboard.press("Enter")
    board.keyboard.type("7")
    board.keyboard.press("Enter")
    expect(said(board)).to_contain_text("Set the priority of ready-1.")
    expect(card(board, "ready-1").locator(".menu-of")).to_have_text("p7")
    expect(card(board, "ready-1").locator(".menu-of")).to_be_focused()
    board.keyboard.press("Enter")
    board.locator("#menu [name=phase]").fill("M2")
    board.keyboard.press("Enter")
    expect(board.locator(".lane[data-phase=M2] [data-card='ready-1']")).to_be_visible()


def test_a_card_that_is_dragged_to_a_lane_is_of_that_phase(board):
    drag(board, card(board, "ready-2").locator("> a"), board.locator(".lane[data-phase=M2]"))
    place = board.locator(".lane[data-phase=M1] .cell.ready").inner_html()
    CardFactory(id="new", phase="M1")
    with board.expect_response(lambda answer: "/live/" in answer.url and answer.status == 200):
        pass
    assert board.locator(".lane[data-phase=M1] .cell.ready").inner_html() == place
    board.mouse.up()
    expect(board.locator(".lane[data-phase=M2] [data-card='ready-2']")).to_be_visible()
    expect(card(board, "new")).to_be_visible()


def test_a_card_that_is_dragged_to_blocked_asks_why(board):
    drag(board, card(board, "ready-1").locator("> a"), board.locator(".cell.blocked").first)
    expect(board.locator(".target")).to_have_class("cell blocked target")
    board.mouse.up()
    board.get_by_role("dialog").get_by_label("Reason").select_option("capability")
    board.get_by_role("dialog").get_by_role("button", name="Block").click()
    expect(board.locator(".blocked [data-card='ready-1']")).to_be_visible()
    assert Card.objects.get(pk="ready-1").block_reason == "capability"


def test_what_nobody_has_seen_is_not_undone(operator, live_server):
    board = operator
    board.goto(live_server.url + "/")
    card(board, "ready-1").locator("input").check()
    bar(board, "Complete").click()
    expect(said(board)).to_contain_text("Completed ready-1.")
    Card.objects.edit("ready-1", title="Changed meanwhile")
    said(board).get_by_role("button", name="Undo").click()
    expect(board.get_by_role("dialog")).to_contain_text("Changed meanwhile")
    assert Card.objects.get(pk="ready-1").status == "done"


def test_what_nobody_answers_may_or_may_not_be_done(operator, live_server):
    operator.goto(live_server.url + "/")
    operator.route("**/cards/act/", lambda route: route.abort())
    card(operator, "ready-1").locator("input").check()
    bar(operator, "Complete").click()
    expect(said(operator)).to_contain_text("Nobody knows whether that was done: the server is away")
    said(operator).get_by_role("button", name="Dismiss").click()
    expect(said(operator)).to_have_count(0)
    operator.unroute("**/cards/act/")
    bar(operator, "Complete").click()
    expect(said(operator)).to_contain_text("Completed ready-1.")


def held_back(page: Any, held: list[Any], number: int) -> Any:
    """The last of so many requests; playwright tells of them while it waits, and not before."""
    for _ in range(1500):
        if len(held) == number:
            return held[-1]
        page.wait_for_timeout(20)
    raise AssertionError(f"{len(held)} requests, not {number}")


def test_what_is_pressed_typed_and_selected_before_the_answer_is_not_lost(operator, live_server):
    operator.goto(live_server.url + "/")
    held: list[Any] = []
    operator.route("**/cards/act/", lambda route: held.append(route))
    card(operator, "ready-1").locator("input").check()
    bar(operator, "Complete").dblclick()
    card(operator, "ready-1").locator("input").uncheck()
    card(operator, "ready-2").locator("input").check()
    bar(operator, "Complete").click()
    held_back(operator, held, 1).continue_()
    expect(operator.locator(".messages")).to_contain_text("Completed ready-1.")
    expect(operator.locator(".messages")).to_contain_text("meanwhile was not sent")
    expect(card(operator, "ready-2").locator("input")).to_be_checked()
    bar(operator, "Complete").dblclick()
    held_back(operator, held, 2).continue_()
    expect(operator.locator(".messages")).to_have_text(re.compile("Completed ready-2.\\s+Undo"))
    assert len(held) == 2


def test_what_is_typed_while_a_comment_is_on_its_way_is_the_next_one(operator, live_server):
    operator.goto(f"{live_server.url}/#/card/ready-1/")
    held: list[Any] = []
    operator.route("**/cards/act/", lambda route: held.append(route))
    drawer = operator.locator("#drawer")
    note, button = drawer.get_by_label("Comment"), drawer.get_by_role("button", name="Comment")
    note.fill("first")
    button.click()
    note.fill("second")
    held_back(operator, held, 1).continue_()
    expect(said(operator)).to_contain_text("Commented on ready-1.")
    expect(note).to_have_value("second")
    button.click()
    held_back(operator, held, 2).continue_()
    expect(note).to_have_value("")
    expect(drawer.locator(".history, #main, .content")).to_contain_text("second")


@pytest.mark.parametrize("status", [200, 204])
def test_what_another_answers_in_the_servers_place_is_no_answer(operator, live_server, status):
    operator.goto(live_server.url + "/")
    operator.route("**/cards/act/", lambda route: route.fulfill(status=status, body=""))
    card(operator, "ready-1").locator("input").check()
    bar(operator, "Complete").click()
    expect(said(operator)).to_contain_text("Nobody knows whether that was done")


def test_without_javascript_there_are_a_link_to_the_form_and_an_undo(plain, live_server):
    plain.goto(live_server.url + "/")
    card(plain, "ready-1").locator(".menu-of").click()
    plain.locator("#press-phase [name=phase]").fill("M2")
    plain.get_by_role("button", name="Set phase").click()
    plain.locator(".messages").get_by_role("button", name="Undo").click()
    expect(plain.locator(".messages")).to_contain_text("Undone: ready-1 is in the phase of before.")
    assert Card.objects.get(pk="ready-1").phase == "M1"
