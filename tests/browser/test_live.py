"""Pages beside the board keep themselves up to date, and draw what they say."""

import pytest
from django.contrib.sessions.models import Session
from playwright.sync_api import expect

from backlog.models import Card
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

# For each arrow of the drawing, the cards that it runs through.
CROSSED = """[...document.querySelectorAll(".graph .arrow")].map((arrow) => {
  const boxes = [...document.querySelectorAll(".graph a")].map((link) => [
    link.querySelector(".id").textContent, link.querySelector("rect").getBoundingClientRect()]);
  const onScreen = arrow.getScreenCTM(); // it may be drawn smaller
  const points = Array.from({ length: 400 }, (_, n) =>
    arrow.getPointAtLength((arrow.getTotalLength() * (n + 0.5)) / 400).matrixTransform(onScreen));
  const inside = (box) => points.some((at) => at.x > box.left && at.x < box.right
    && at.y > box.top && at.y < box.bottom);
  return boxes.filter(([, box]) => inside(box)).map(([id]) => id);
})"""


@pytest.mark.parametrize("path", ["/fleet/", "/card/brief/"])
def test_a_lease_that_is_renewed_is_so_on_an_open_page(operator, complaints, live_server, path):
    CardFactory(id="brief", claimed=True, owner="worker-3", ttl=90)
    operator.goto(live_server.url + path)
    shown = operator.locator("tr#claim-brief, main p", has_text="worker-3").locator("time.left")
    expect(shown).to_have_text("1 min left")
    Card.objects.renew("brief", "worker-3", 1, 1830)
    expect(shown).to_have_text("30 min left")


def test_what_is_typed_open_or_focused_stays_when_a_page_changes(operator, complaints, live_server):
    operator.goto(live_server.url + "/card/waits/")
    operator.get_by_label("Note").fill("half a sen")
    operator.locator("summary", has_text="As a table").click()
    Card.objects.edit("waits", title="Changed")
    Card.objects.complete("ready-1")
    expect(operator.locator("h1")).to_have_text("Changed waits")
    expect(operator.locator(".graph .node.done")).to_be_visible()
    expect(operator.get_by_label("Note")).to_have_value("half a sen")
    expect(operator.locator("#ranks table")).to_be_visible()
    expect(operator.locator("summary", has_text="As a table")).to_be_focused()


def test_a_worker_that_takes_the_next_card_moves_no_column(operator, live_server):
    CardFactory(id="next", title="A much longer title than any of the others " * 2)
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(live_server.url + "/fleet/")
    lease = operator.locator("#claim-held [data-label=Lease]")
    before = lease.bounding_box()
    Card.objects.claim("worker-1", card_id="next")
    expect(operator.locator("#claim-next")).to_be_visible()
    assert lease.bounding_box()["x"] == before["x"]


def test_a_button_in_focus_never_becomes_that_of_another_card(operator, live_server):
    for n, card_id in enumerate(("one", "two", "three")):
        CardFactory(id=card_id, claimed=True, ttl=60 + n)
    operator.goto(live_server.url + "/fleet/")
    operator.get_by_role("button", name="Release one").focus()
    Card.objects.complete("one")
    expect(operator.locator("#claim-one")).to_have_count(0)
    assert operator.evaluate("document.activeElement === document.body")
    operator.get_by_role("button", name="Release two").focus()
    Card.objects.renew("two", "w", 1, 900)
    expect(operator.locator("#claim-two time.left")).to_have_text("14 min left")
    assert "two" in operator.evaluate("document.activeElement.closest('tr').textContent")


@pytest.mark.parametrize("path", ["/", "/card/ready-1/", "/#/card/ready-1/"])
def test_a_page_says_that_it_cannot_ask_and_goes_on_when_it_can(operator, live_server, path):
    operator.goto(live_server.url + path)
    shown = operator.get_by_text("ready-1").filter(visible=True).last
    expect(shown).to_be_visible()
    operator.context.set_offline(True)
    said = operator.get_by_text("Not up to date").filter(visible=True)
    expect(said.last).to_be_visible()
    expect(said.last).to_be_in_viewport()
    Card.objects.edit("ready-1", title="Anew")
    operator.context.set_offline(False)
    expect(operator.get_by_text("Anew").filter(visible=True).last).to_be_visible()
    expect(said).to_have_count(0)


@pytest.mark.parametrize("path", ["/", "/fleet/", "/card/held/output/"])
def test_a_page_whose_session_is_over_leads_to_the_login(operator, live_server, path):
    operator.goto(live_server.url + path)
    Session.objects.all().delete()
    expect(operator.get_by_label("Password")).to_be_visible()
    assert f"next={path}" in operator.url


def test_a_login_in_front_of_the_site_is_gone_to(operator, live_server):
    operator.goto(live_server.url + "/fleet/")
    elsewhere = live_server.url.replace("localhost", "127.0.0.1") + "/front/"
    led = {"status": 302, "headers": {"Location": elsewhere}}
    operator.route("**/fleet/", lambda route: route.fulfill(**led))
    expect(operator).to_have_url(elsewhere)


def test_htmx_runs_under_the_policy_and_evaluates_nothing(operator, complaints, live_server):
    operator.goto(live_server.url + "/fleet/")
    polled = operator.wait_for_event("response", lambda answer: answer.status == 204)
    assert polled.request.headers["hx-request"] == "true"
    config = "(({ allowEval, includeIndicatorStyles }) => [allowEval, includeIndicatorStyles])"
    assert operator.evaluate(f"{config}(htmx.config)") == [False, False]
    assert operator.locator("style, script:not([src])").count() == 0


WIDE = {"a": "", "b": "a", "c": "b", "d": "ca", "e": "dab", "g": "cb", "h": "ga"}
# As in the sample: all wait for the same ones, and one for the other.
DENSE = {**dict.fromkeys("abefgh", ""), "d": "abefgh", "c": "dabefgh"}


@pytest.mark.parametrize(("cards", "arrows"), [(WIDE, 11), (DENSE, 13)])
def test_no_arrow_of_the_neighbourhood_runs_behind_a_card(
    operator, complaints, live_server, cards, arrows
):
    for card_id, needs in cards.items():
        CardFactory(id=card_id, depends_on=list(needs))
    operator.goto(live_server.url + "/card/c/")
    expect(operator.locator(".graph a")).to_have_count(len(cards))
    crossed = operator.evaluate(CROSSED)
    assert (len(crossed), [through for through in crossed if through]) == (arrows, [])


def test_a_title_does_not_turn_the_order_of_what_stands_beside_it(operator, live_server):
    CardFactory(id="abc", title="\u202egnp.exe")
    operator.goto(live_server.url)
    left = """name => [0, 2].map(at => {
        const range = document.createRange();
        range.setStart(name.firstChild, at);
        range.setEnd(name.firstChild, at + 1);
        return range.getBoundingClientRect().left;
    })"""
    first, last = operator.locator('[data-card="abc"] .id').evaluate(left)
    assert first < last
