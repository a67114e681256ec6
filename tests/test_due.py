"""When cards should be done: sorted, filtered, told of when they are late."""

from datetime import UTC, datetime

import pytest

from backlog.errors import UsageError
from backlog.verbs import doctor
from backlog.verbs.cards import list_cards
from tests.factories import CardFactory

pytestmark = [pytest.mark.quick, pytest.mark.django_db(transaction=True)]

PAST, SOON = datetime(2020, 1, 1, tzinfo=UTC), datetime(2999, 1, 1, tzinfo=UTC)


@pytest.fixture
def three(store):
    """A is due at some time, B never, C was, and so was the done D."""
    CardFactory(id="A", due=SOON, title="Far")
    CardFactory(id="B", title="Free")
    CardFactory(id="C", due=PAST, title="Past")
    CardFactory(id="D", due=PAST, title="Over", done=True)


@pytest.mark.parametrize(
    ("how", "ids"),
    [
        ({"sort": "due"}, ["C", "D", "A", "B"]),
        ({"due_before": SOON}, ["C", "D"]),
        ({"late": True}, ["C"]),
        ({}, ["A", "B", "C", "D"]),
    ],
)
def test_a_list_is_sorted_and_narrowed_by_it(session, three, how, ids):
    assert [card.id for card in list_cards(session, **how)] == ids


def test_a_place_in_the_order_of_claims_is_none_in_another(session, three):
    with pytest.raises(UsageError, match="leave out the sort"):
        list_cards(session, sort="due", after="A")


def test_the_doctor_tells_of_what_is_late(session, three):
    assert [(each.kind, each.id) for each in doctor.doctor(session).findings] == [("late", "C")]


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("query", "titles"), [("?late=1", ["Past"]), ("?sort=due", ["Past", "Over", "Far", "Free"])]
)
def test_the_page_of_cards_filters_and_sorts_by_it(admin_client, three, query, titles):
    page = admin_client.get(f"/cards/{query}")
    assert [card.title for card, _ in page.context["rows"]] == titles


@pytest.mark.one_tier
@pytest.mark.parametrize("address", ["/", "/cards/", "/card/C/"])
def test_pages_mark_what_is_late(admin_client, three, address):
    assert admin_client.get(address).text.count('<strong class="late">late</strong>') == 1
