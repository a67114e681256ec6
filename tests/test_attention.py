"""What needs an operator, above the board: which questions, in which order, and their buttons."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest

from backlog.models import Card
from backlog.verbs import doctor, kept
from backlog.web.queries.board import board
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.quick, pytest.mark.one_tier]


def _asking() -> list[str]:
    """The first card of each question."""
    return [card.id for card, _ in board(Card.objects.session()).attention.questions]


@pytest.mark.both_tiers
def test_what_needs_an_operator_stands_first_with_its_button(admin_client):
    CardFactory(id="A", expired=True)
    CardFactory(id="B", blocked=True)
    CardFactory(id="C")
    page = admin_client.get("/")
    assert [card.id for card, _ in page.context["board"].attention.questions] == ["A", "B"]
    button = re.search(r'name="one"\s+value="(reclaim [^"]+)"', page.text)[1]
    admin_client.post("/cards/act/", {"one": button})
    assert Card.objects.get(pk="A").status == "ready"


@pytest.mark.both_tiers
def test_of_the_whole_backlog_what_has_needed_an_operator_longest_stands_first(admin_client):
    CardFactory(id="new", phase="M1", expired=True, claimed_at=datetime(2026, 1, 1, tzinfo=UTC))
    for n in range(7):
        CardFactory(id=f"B{n}", phase="M2", blocked=True, note=f"question {n}")
    CardFactory(id="old", phase="M3", expired=True)
    page = admin_client.get("/?phase=M1")
    found = page.context["board"].attention
    assert [card.id for card, _ in found.questions] == ["old", "new", "B0", "B1", "B2"]
    (all_of_it,) = re.findall(r'href="([^"]*)">all 9</a>', page.text)
    listed = admin_client.get(unescape(all_of_it)).context["found"]
    assert {card.id for card in listed} == {"old", "new", *(f"B{n}" for n in range(7))}


def test_cards_that_ask_the_same_are_one_row_and_lead_to_the_list_of_them(admin_client):
    for n in range(3):
        CardFactory(id=f"B{n}", blocked=True, note="which one?")
    CardFactory(id="C", blocked=True)
    page = admin_client.get("/")
    assert len(page.context["board"].attention.questions) == 2
    assert ">all 4</a>" in page.text


@pytest.mark.both_tiers
def test_what_waits_for_a_card_that_does_not_exist_needs_an_operator(admin_client):
    CardFactory(id="A", depends_on=["gone"])
    CardFactory(id="B", blocked=True)
    CardFactory(id="C", depends_on=["B"])
    CardFactory(id="D", depends_on=["gone", "lost"])
    page = admin_client.get("/")
    found = page.context["board"].attention
    assert [(card.id, [each.id for each in others]) for card, others in found.questions] == [
        ("A", ["D"]),
        ("B", []),
    ]
    assert (found.total, "waits for gone, which does not exist" in page.text) == (3, True)
    CardFactory(id="gone")
    assert _asking() == ["B", "D"]


def test_of_a_large_backlog_a_sweep_finds_what_waits_for_nothing(monkeypatch, session):
    CardFactory(id="A", depends_on=["gone"])
    CardFactory(id="B", depends_on=["lost"])
    monkeypatch.setattr("backlog.web.queries.attention.is_large", lambda session: True)
    assert _asking() == []
    kept.keep(session, doctor.NAME, doctor.look, paced=False)
    CardFactory(id="lost")
    assert _asking() == ["A"]


@pytest.mark.both_tiers
def test_one_answer_unblocks_all_that_ask_the_same_but_what_changed_since(admin_client):
    for name, note in (("A", "which port?"), ("B", "which port?"), ("C", "why?")):
        CardFactory(id=name, blocked=True, reason="needs_input", note=note)
    page = admin_client.get("/")
    shown = page.context["board"].attention.questions
    assert [(card.id, [each.id for each in others]) for card, others in shown] == [
        ("A", ["B"]),
        ("C", []),
    ]
    Card.objects.edit("B", priority=7)
    form = page.text.partition('class="answer"')[2].partition("</form>")[0]
    cards = re.findall(r'name="card"\s+value="([^"]+)"', form)
    said = admin_client.post("/cards/act/", {"action": "answer", "card": cards, "note": "8080"})
    assert "Answered and unblocked 1 card; 1 refused" in said.text
    assert [Card.objects.get(pk=each).answer for each in "ABC"] == ["8080", None, None]


def test_long_questions_that_begin_alike_are_two():
    for name in "AB":
        CardFactory(id=name, blocked=True, note="x" * 300 + name)
    assert _asking() == ["A", "B"]
