"""A fleet at work under the eyes of an operator: what is read stays where it is."""

import random
from itertools import count
from time import monotonic

import pytest
from playwright.sync_api import Response

from backlog.models import Card
from tests.browser.test_place import SHIFTS
from tests.budget import seconds
from tests.factories import CardFactory

# No page depends on the store's tier.
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier, pytest.mark.deep]

PAGES = [
    *(("/", 390), ("/", 1440), ("/?layout=columns", 1440), ("/?layout=columns", 2560)),
    *(("/phase/L1/", 1440), ("/worker/w1/", 1440)),
]


@pytest.fixture
def many_cards():
    """Open cards of some lanes, with titles of one line and of more."""
    for n in range(40):
        CardFactory(id=f"c{n:02}", title=f"About {n} " + "and more " * (n % 9), phase=f"L{n % 4}")


def something_happens(chance: random.Random, n: int) -> None:
    """What workers, their questions and planners do to a card."""
    card_id = f"c{chance.randrange(40):02}"
    status = Card.objects.get(pk=card_id).status
    if status == "ready":
        Card.objects.claim(f"w{chance.randrange(6)}", card_id=card_id)
    elif status == "claimed":
        chance.choice([Card.objects.complete, Card.objects.block, Card.objects.release])(card_id)
    elif status == "blocked":
        Card.objects.unblock(card_id, note="this one")
    if n % 10 == 0:
        CardFactory(id=f"new{n}", title="New", phase=f"L{n % 6}")


def a_history_of_w1() -> None:
    """A run of each outcome, and a card that it holds."""
    ends = (Card.objects.complete, Card.objects.block, Card.objects.release)
    for card_id, end in zip(("c01", "c02", "c03"), ends, strict=True):
        Card.objects.claim("w1", card_id=card_id)
        end(card_id)
    Card.objects.claim("w1", card_id="c03")


@pytest.mark.parametrize(("path", "width"), PAGES)
def test_a_minute_of_work_moves_nothing_that_is_in_view(
    many_cards, operator, live_server, path, width
):
    operator.set_viewport_size({"width": width, "height": 900})

    def looks(answer: Response) -> bool:
        return "/live/" in answer.url or answer.url.endswith(path)

    a_history_of_w1()
    operator.goto(live_server.url + path)
    operator.evaluate(SHIFTS)
    chance, end = random.Random(1), monotonic() + seconds(bounded=4, full=60)  # noqa: S311 (no secret)
    for n in count():
        something_happens(chance, n)
        operator.wait_for_event("response", looks)
        if monotonic() > end:
            break
    assert operator.evaluate("shifts") < 0.02
