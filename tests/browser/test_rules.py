"""Pausing, limiting and cancelling as an operator does it in a browser."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card, Event
from backlog.verbs import moves, rules
from backlog.verbs.runs import Report
from tests.browser.test_browser import PAGES, in_light_and_dark, wider_than_the_window

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def paused_and_limited(session):
    """A pause of each kind, a limit that is full, one that is not, and runs that failed."""
    rules.pause(session, "fleet", "", "release freeze, until the tag is made")
    rules.pause(session, "phase", "M1", "the parser changes")
    rules.pause(session, "owner", "worker-2", "it is late")
    rules.limit(session, "phase", "M1", 2)
    rules.limit(session, "owner", "worker-1", 5)
    said = Report(outcome="failed", summary="no parser", result='{"n": 1}', tokens=1200, cost="0.5")
    moves.release(session, "held", report=said)


@pytest.mark.usefixtures("paused_and_limited")
@pytest.mark.parametrize("name", ["board", "list", "fleet", "control", "doctor", "claimed card"])
def test_what_is_held_back_is_accessible_and_fits_a_phone(operator, live_server, complaints, name):
    operator.goto(live_server.url + PAGES[name])
    assert in_light_and_dark(operator) == []
    assert wider_than_the_window(operator, 320) == []


def test_a_pause_elsewhere_shows_on_an_open_board(board, session):
    expect(board.locator("#banner")).to_be_hidden()
    board.locator(".lane summary").first.focus()
    rules.pause(session, "phase", "M1", "release freeze")
    expect(board.locator("#banner")).to_contain_text("Paused: phase M1. release freeze")
    expect(board.locator(".lane summary").first).to_contain_text("paused: release freeze")
    expect(board.locator(".lane summary").first).to_be_focused()
    expect(board.locator("#news")).to_have_text("Paused: phase M1.")
    rules.resume(session, "phase", "M1")
    expect(board.locator("#banner")).to_be_hidden()


def test_a_limit_elsewhere_shows_in_the_heading_of_its_lane(board, session):
    rules.limit(session, "phase", "M1", 2)
    expect(board.locator(".lane summary").first).to_contain_text("at its limit: 2 of 2 claimed")


def test_a_banner_with_the_focus_is_left_alone(operator, live_server, session):
    rules.pause(session, "phase", "M1", "release freeze")
    operator.goto(live_server.url + "/")
    operator.get_by_role("button", name="Resume phase M1").focus()
    rules.pause(session, "fleet", "", "everything")
    Card.objects.claim("w", card_id="ready-2")
    Card.objects.block("ready-1")
    expect(operator.locator('.blocked [data-card="ready-1"]')).to_be_visible()
    expect(operator.get_by_role("button", name="Resume phase M1")).to_be_focused()
    operator.get_by_role("button", name="Resume phase M1").blur()
    expect(operator.locator("#banner")).to_contain_text("Paused: the fleet. everything")


def test_the_fleet_is_paused_and_resumed_by_keyboard(operator, live_server, complaints):
    operator.goto(live_server.url + "/control/")
    operator.get_by_label("Reason").focus()
    operator.keyboard.type("release freeze")
    operator.keyboard.press("Enter")
    expect(operator.locator(".messages")).to_contain_text("Paused: the fleet")
    operator.goto(live_server.url + "/")
    operator.get_by_role("button", name="Resume the fleet").focus()
    operator.keyboard.press("Enter")
    expect(operator.locator(".messages")).to_contain_text("Resumed: the fleet")
    expect(operator).to_have_url(live_server.url + "/")


def test_pauses_and_limits_work_without_javascript(plain, live_server, session):
    plain.goto(live_server.url + "/control/")
    plain.locator("#pause_scope").select_option("a phase")
    plain.locator("#pause_name").fill("M1")
    plain.get_by_label("Reason").fill("release freeze")
    plain.get_by_role("button", name="Pause", exact=True).click()
    expect(plain.locator(".messages")).to_contain_text("Paused: phase M1")
    plain.get_by_role("button", name="Resume phase M1").click()
    expect(plain.locator(".messages")).to_contain_text("Resumed: phase M1")
    plain.locator("#limit_scope").select_option("a worker")
    plain.locator("#limit_name").fill("w")
    plain.locator("#limit_most").fill("3")
    plain.get_by_role("button", name="Set the limit", exact=True).click()
    plain.get_by_label("Claims at once of worker w").fill("4")
    plain.get_by_role("button", name="Set the limit of worker w").click()
    assert [each[:3] for each in rules.limits(session)] == [("owner", "w", 4)]
    plain.get_by_role("button", name="Remove the limit of worker w").click()
    expect(plain.locator("main")).to_contain_text("There are no limits.")


def test_the_doctor_s_findings_are_settled_by_keyboard(operator, live_server, complaints):
    operator.goto(live_server.url + "/doctor/")
    for name, said in (
        ("Unblock stopped", "Unblocked stopped"),
        ("Reclaim late", "Reclaimed late"),
    ):
        operator.get_by_role("button", name=name).focus()
        operator.keyboard.press("Enter")
        expect(operator.locator(".messages")).to_contain_text(said)
    expect(operator.locator("main")).to_contain_text("All is well")


def test_events_are_narrowed_without_javascript(plain, live_server):
    plain.goto(live_server.url + "/")
    plain.get_by_role("link", name="Activity").click()
    plain.get_by_label("What").select_option("claim")
    plain.get_by_label("Who").fill("worker-1")
    plain.get_by_role("button", name="Apply").click()
    expect(plain.locator("tbody tr")).to_have_count(1)
    expect(plain.locator("tbody tr")).to_contain_text("held")


def test_a_cancel_asks_once_with_the_reason_that_was_typed(operator, live_server, complaints):
    operator.goto(live_server.url + "/card/held/")
    operator.locator("#card_cancel_reason").fill("the plan changes")
    operator.get_by_role("button", name="Cancel").click()
    expect(operator.locator(".warning")).to_contain_text("told at its next renewal")
    expect(operator.get_by_label("Reason")).to_have_value("the plan changes")
    operator.get_by_role("button", name="Cancel").click()
    expect(operator.locator(".messages")).to_contain_text("Cancelled held.")
    assert Card.objects.get(pk="held").block_note == "cancelled: the plan changes"


def test_role_cap_and_time_are_asked_for_and_kept(operator, live_server, complaints):
    operator.goto(live_server.url + "/card/ready-1/edit/")
    operator.get_by_label("Role").fill("reviewer")
    operator.get_by_label("Max attempts").fill("3")
    operator.get_by_label("Not before (UTC)").fill("2030-01-02T03:04:00")
    operator.get_by_role("button", name="Save").click()
    expect(operator.locator("main")).to_contain_text(
        "It is held back until 2 Jan 2030 03:04:00 UTC"
    )
    operator.goto(live_server.url + "/card/ready-1/edit/")
    operator.get_by_label("Title").fill("Other")
    operator.get_by_role("button", name="Save").click()
    expect(operator.locator("h1")).to_have_text("Other ready-1")
    assert Event.objects.filter(card_id="ready-1").newest_first()[0].note == "title"
