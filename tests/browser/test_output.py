"""What a run's command prints, on a page that is open."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from backlog.verbs.output import Printed, keep

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


def test_new_output_shows_by_itself_and_who_reads_at_the_end_stays_there(
    operator, live_server, complaints
):
    operator.goto(live_server.url + "/card/held/output/")
    operator.get_by_role("link", name="To its end").click()
    printed = "".join(f"line {number}\n" for number in range(200)).encode()
    keep(Card.objects.session(), "held", 1, "worker-1", Printed(printed, 0, ended=False))
    expect(operator.locator(".printed")).to_contain_text("line 199")
    below = "document.documentElement.scrollHeight - innerHeight - scrollY"
    assert operator.evaluate(below) < 2


def test_output_that_nobody_tells_of_any_more_is_not_shown_as_that_of_now(operator, live_server):
    operator.goto(live_server.url + "/card/held/output/")
    operator.route("**/output/live/**", lambda route: route.abort())
    said = operator.get_by_text("Not up to date: the server is away. Trying again.")
    expect(said).to_be_visible()
    operator.unroute("**/output/live/**")
    expect(said).to_have_count(0)
