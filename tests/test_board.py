"""The page of lanes."""

import pytest
from django.urls import reverse

from backlog.models import Card

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def empty(store, transactional_db):
    pass


def test_nobody_sees_the_board_without_logging_in(client):
    assert client.get("/").url == reverse("admin:login") + "?next=/"


def test_an_empty_board_shows_the_command_that_fills_it(admin_client):
    assert "backlog create --id" in admin_client.get("/").text


def test_a_lane_counts_each_state_and_shows_its_first_cards():
    Card.objects.create(id="A", title="A", phase="M1")
    Card.objects.create(id="B", title="B", phase="M1", depends_on=["A"])
    Card.objects.create(id="C", title="C", phase="M1", priority=5)
    (lane,) = Card.objects.lanes(per_cell=1)
    cells = {cell.name: (cell.total, [card.id for card in cell.cards]) for cell in lane.cells}
    assert cells["ready"] == (2, ["C"])
    assert cells["waiting"] == (1, ["B"])


def test_lanes_with_nothing_left_to_do_come_last():
    for phase in ("M1", "M2"):
        Card.objects.create(id=phase, title=phase, phase=phase)
    Card.objects.create(id="none", title="none")
    Card.objects.complete("M1")
    assert [lane.phase for lane in Card.objects.lanes()] == ["M2", None, "M1"]


def test_a_title_is_text_and_never_markup(admin_client):
    Card.objects.create(id="<i>", title="<script>alert(1)</script>")
    assert "<script>alert" not in admin_client.get("/").text


def test_the_number_of_queries_does_not_grow_with_the_cards(
    admin_client, django_assert_max_num_queries
):
    for n in range(30):
        Card.objects.create(id=f"A{n}", title="A", phase=f"P{n % 7}")
    with django_assert_max_num_queries(6):
        admin_client.get("/")
