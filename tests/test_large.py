"""The pages of a large backlog: as of a small one, but that not all is counted or looked at."""

import pytest

from backlog.models import Card
from backlog.verbs import cards
from backlog.web.queries import large
from backlog.web.queries.board import board
from backlog.web.queries.filters import Filter
from backlog.web.queries.large import AtLeast
from tests.factories import CardFactory

pytestmark = pytest.mark.usefixtures("django_store")


@pytest.fixture
def some(session):
    """Cards in every cell, with a phase and without."""
    for phase in ("M1", "M2", None):
        for state in ("blocked", "claimed", "done", "expired"):
            CardFactory(phase=phase, title="one of many", **{state: True})
        CardFactory(phase=phase, priority=2)
        CardFactory(phase=phase, depends_on=["nowhere"])
    session.execute("ANALYZE backlog")


@pytest.fixture
def is_large(monkeypatch):
    """From here on it is, however few cards there are."""
    return lambda: monkeypatch.setattr(large, "LARGE", 0)


@pytest.mark.parametrize(
    "chosen",
    [
        Filter(),
        Filter(phases=("M1", "")),
        Filter(cells=("ready", "claimed")),
        Filter(text="MANY"),
        Filter(text="card-"),
        Filter(stuck=True),
        Filter(owner="w"),
    ],
)
def test_few_cards_are_shown_as_ever(admin_client, session, some, is_large, chosen):
    before = board(session, chosen)
    query = {"q": chosen.text, "status": chosen.cells, "owner": chosen.owner}
    query |= {"phase": chosen.phases, "stuck": "1" if chosen.stuck else ""}
    listed = [card.pk for card in admin_client.get("/cards/", query).context["found"]]
    is_large()
    assert (board(session, chosen).lanes, board(session, chosen).totals) == (
        before.lanes, before.totals
    )  # fmt: skip
    page = admin_client.get("/cards/", query).context
    assert [card.pk for card in page["found"]] == listed
    assert page["in_part"] == (not chosen.owner)


def test_a_cell_of_many_is_counted_up_to_a_thousand(admin_client, session, is_large):
    session.execute(
        "INSERT INTO backlog (id, title, phase, status) SELECT 'c' || n, 'T', 'M1',"
        " CASE WHEN n < 1001 THEN 'done' ELSE 'ready' END FROM generate_series(0, 1002) AS n"
    )
    session.execute("ANALYZE backlog")
    is_large()
    page = admin_client.get("/").text
    assert '<span class="part">1,000+ of 1,002+ done</span>' in page
    assert "<b>2</b> ready" in page


def test_a_text_is_looked_for_in_the_first_cards_of_each_cell(
    admin_client, session, is_large, monkeypatch
):
    few = large._LOOKED_AT.replace("greatest(50", "least(2")
    monkeypatch.setattr(large, "_LOOKED_AT", few)
    for card_id in ("a1", "b1", "b2", "c1"):
        CardFactory(id=card_id, title="b")
    session.execute("ANALYZE backlog")
    is_large()
    page = admin_client.get("/cards/?q=b").context
    assert [card.pk for card in page["found"]] == ["a1", "b1", "b2"]  # not c1: the third by claim


@pytest.mark.one_tier
def test_a_sum_with_a_count_that_was_not_ended_was_not_ended():
    assert str(sum([1, AtLeast(1000), 2])) == "1,003+"
    assert int(AtLeast(5)) == 5


def test_of_a_list_a_page_is_read_at_a_time(session, monkeypatch):
    monkeypatch.setattr("backlog.session._PAGE", 2)
    for _ in range(5):
        CardFactory()
    fetched = []
    execute = session.execute
    monkeypatch.setattr(
        session, "execute", lambda sql, *more: (fetched.append(sql), execute(sql, *more))[1]
    )
    listed = cards.list_cards(session)
    next(listed)
    assert len([sql for sql in fetched if sql.startswith("FETCH")]) == 1
    assert len(list(listed)) == Card.objects.count() - 1
