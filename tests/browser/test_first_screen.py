"""What an operator sees of 1,500 cards without scrolling."""

import pytest
from playwright.sync_api import expect

from backlog.models import Card
from tests.factories import CardFactory

pytestmark = pytest.mark.one_tier

CARDS = """
INSERT INTO backlog (id, title, phase, status)
SELECT 'c' || n, 'Do the thing number ' || n, 'phase-' || n %% 60,
    CASE WHEN n %% 23 = 0 THEN 'ready' ELSE 'done' END
FROM generate_series(0, 1499) AS n"""


@pytest.fixture
def backlog_of_1500(store, transactional_db):
    """Eight claims and five questions, each in a lane of its own."""
    session = Card.objects.session()
    session.execute("DELETE FROM backlog")
    session.execute(CARDS)
    for n in range(8):
        Card.objects.claim(f"worker-{n}", card_id=f"c{n * 23}")
    for n in range(8, 13):
        Card.objects.block(f"c{n * 23}", reason="needs_input", note=f"which of {n} ways?")


SCREEN = """() => {
    const within = (of) => [...document.querySelectorAll(of)].filter((each) => {
        const { top, bottom } = each.getBoundingClientRect();
        return top >= 0 && bottom <= innerHeight;
    }).length;
    return [".running li[data-needs]", ".attention li[data-needs]", ".lane"].map(within);
}"""

CUT = """of => [...document.querySelectorAll(of)].filter((each) =>
    each.scrollWidth > each.clientWidth || each.scrollHeight > each.clientHeight).length"""


def test_every_claim_five_questions_and_ten_lanes_are_on_one_screen(
    backlog_of_1500, operator, live_server
):
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(live_server.url + "/")
    claims, questions, lanes = operator.evaluate(SCREEN)
    assert (claims, questions) == (8, 5)
    assert lanes >= 10
    assert operator.evaluate(CUT, ".dense .title") == 0


def test_without_a_script_the_times_are_whole(backlog_of_1500, plain, live_server):
    plain.set_viewport_size({"width": 1440, "height": 900})
    plain.goto(live_server.url + "/")
    assert plain.evaluate(CUT, ".dense .facts-line, .running .since") == 0


def test_the_first_claim_is_on_the_first_screen_of_a_phone(backlog_of_1500, operator, live_server):
    operator.set_viewport_size({"width": 390, "height": 844})
    operator.goto(live_server.url + "/")
    assert operator.evaluate(SCREEN)[0] >= 1


def test_who_let_a_lease_run_out_is_named_on_its_card(backlog_of_1500, operator, live_server):
    late = {"expired": True, "owner": "worker-that-slept"}
    CardFactory(id="late", title="Late", phase="phase-0", priority=9, **late)
    operator.set_viewport_size({"width": 1440, "height": 900})
    operator.goto(live_server.url + "/")
    card = operator.locator('.claimed [data-card="late"]')
    assert card.locator(".worker").bounding_box()["width"] >= 24
    line = card.locator(".facts-line")
    assert line.evaluate("line => line.scrollWidth <= line.clientWidth")
    expect(card.get_by_text("expired")).to_be_visible()
