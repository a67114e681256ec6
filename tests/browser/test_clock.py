"""Times are told by the site's clock, and how old they are; what changed has short addresses."""

from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


@pytest.fixture
def leased():
    """A card whose lease is live for half an hour."""
    return CardFactory(id="live", phase="M1", claimed=True, ttl=1830)


@pytest.mark.parametrize("off", [timedelta(hours=-1), timedelta(hours=1), timedelta(days=400)])
@pytest.mark.parametrize("path", ["/", "/fleet/", "/card/live/"])
def test_a_live_lease_is_live_whatever_the_browsers_clock_says(
    leased, operator, live_server, off, path
):
    operator.clock.install(time=datetime.now(UTC) + off)
    operator.goto(live_server.url + path)
    ends = leased.claim_expires_at.isoformat()
    expect(operator.locator(f'time.left[datetime="{ends}"]').last).to_have_text("30 min left")


def abort_polls(route) -> None:
    if "hx-request" in route.request.headers:
        route.abort()
    else:
        route.continue_()


def test_time_goes_on_from_what_the_page_said(leased, operator, live_server):
    operator.clock.install(time=datetime.now(UTC) + timedelta(hours=1))
    # No poll is answered: one of before the clock ran fast would tell the time of then.
    operator.route("**/card/live/**", abort_polls)
    operator.goto(live_server.url + "/card/live/")
    operator.clock.run_for(timedelta(minutes=10) / timedelta(milliseconds=1))
    expect(operator.locator("time.left")).to_have_text("20 min left")
    expect(operator.get_by_role("status")).to_contain_text("Not up to date")
    expect(operator.locator("#as-of")).to_contain_text("min ago")


def test_a_clock_that_is_set_changes_nothing(leased, operator, live_server):
    operator.goto(live_server.url + "/card/live/")
    operator.evaluate("now = Date.now, Date.now = () => now() + 3600e3")
    with operator.expect_request(lambda request: request.method == "HEAD"):
        operator.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(operator.locator("time.left")).to_have_text("30 min left")


@pytest.mark.parametrize("path", ["/", "/card/live/"])
def test_every_answer_says_what_time_it_is(leased, operator, live_server, path):
    operator.goto(live_server.url + path)
    later = datetime.now(UTC) + timedelta(minutes=12)
    headers = {"Date": later.strftime("%a, %d %b %Y %H:%M:%S GMT")}
    operator.route("**/live/**", lambda route: route.fulfill(status=204, headers=headers))
    expect(operator.locator("time.left", has_text="left").last).to_have_text("18 min left")


@pytest.mark.parametrize("path", ["/", "/card/live/"])
def test_what_a_replica_is_behind_is_said_until_it_is_not(leased, operator, live_server, path):
    operator.goto(live_server.url + path)
    expect(operator.locator("#behind")).to_be_hidden()
    old = {"Backlog-Seconds-Old": "3"}
    operator.route("**/live/**", lambda route: route.fulfill(status=204, headers=old))
    expect(operator.get_by_text("Read from a replica that is 3 s behind.")).to_be_visible()
    operator.unroute("**/live/**")
    expect(operator.locator("#behind")).to_be_hidden()


def test_after_a_sleep_the_site_is_asked_what_time_it_is(leased, operator, live_server):
    operator.goto(live_server.url + "/activity/")
    # A date has whole seconds; the card may be younger than one.
    later = datetime.now(UTC) + timedelta(minutes=12, seconds=1)
    stamp = later.strftime("%a, %d %b %Y %H:%M:%S GMT")
    operator.route("**/icon*.svg", lambda route: route.fulfill(headers={"Date": stamp}))
    operator.evaluate(
        "now = Date.now, Date.now = () => now() + 720e3"
    )  # the page's own stood still
    operator.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(operator.locator("td time.ago").first).to_have_text("12 min ago")


def test_a_page_that_comes_back_from_the_browsers_store_tells_the_time_of_now(
    leased, operator, live_server
):
    operator.goto(live_server.url + "/card/live/")
    operator.goto(live_server.url + "/fleet/")
    with operator.expect_request(lambda request: request.method == "HEAD"):
        operator.go_back()
    expect(operator.locator("time.left")).to_have_text("30 min left")


def test_many_lanes_that_changed_at_once_are_asked_for_in_a_short_address(board):
    for n in range(24):
        CardFactory(id=f"c{n}", phase=f"L{n}")
    expect(board.locator('[data-card="c23"]')).to_be_attached()
    asked = []
    board.on("request", lambda request: asked.append(request.url))
    session = Card.objects.session()
    session.execute("UPDATE backlog SET title = 'Anew', priority = 1")
    session.execute("UPDATE backlog SET status = 'done' WHERE id IN ('c1', 'c2')")
    expect(board.locator('[data-card="c23"]')).to_contain_text("Anew")
    expect(board.locator('[data-card="ready-1"]')).to_contain_text("Anew")
    assert max(map(len, asked)) <= 4_100
