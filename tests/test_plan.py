"""An outline becomes cards: what a line says, and what becomes of it on the page."""

import re

import pytest
from django.urls import reverse

from backlog.errors import Refusal, UsageError
from backlog.models import Card
from backlog.verbs.faults import MANY, Faults
from backlog.verbs.outline import MOST, plan, read
from tests.factories import CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier, pytest.mark.quick]

OUTLINE = """\
- Ship the parser @M1 p5 #parser
  - [ ] Write the lexer
  - Write the grammar <write-the-lexer p7

Announce it <parser
"""


def _read(text: str) -> list[tuple]:
    """Line, id, title, phase, priority and dependencies of each card, if no line is wrong."""
    faults = Faults(MANY)
    drafts = read(text, faults)
    faults.refuse()
    return [tuple(draft) for draft in drafts]


def _faults(session, text: str) -> tuple[str, ...]:
    with pytest.raises(Refusal) as refused:
        plan(session, text, dry_run=True)
    return refused.value.faults


def test_a_card_waits_for_its_parts_and_they_have_its_phase_and_priority():
    assert _read(OUTLINE) == [
        (1, "parser", "Ship the parser", "M1", 5, ["write-the-lexer", "write-the-grammar"]),
        (2, "write-the-lexer", "Write the lexer", "M1", 5, []),
        (3, "write-the-grammar", "Write the grammar", "M1", 7, ["write-the-lexer"]),
        (5, "announce-it", "Announce it", None, 0, ["parser"]),
    ]


@pytest.mark.parametrize(
    ("line", "card"),
    [
        ("Mail a@b and @c at 5", (1, "mail-a-b-and-c-at-5", "Mail a@b and @c at 5", None, 0, [])),
        ('Go @"phase two" <"a b" <c', (1, "go", "Go", "phase two", 0, ["a b", "c"])),
        ("\t* Ärger  über  Öl p-3\r", (1, "ärger-über-öl", "Ärger  über  Öl", None, -3, [])),
        ("?!", (1, "card", "?!", None, 0, [])),
        ("x" * 50, (1, "x" * 40, "x" * 50, None, 0, [])),
        (f"{'word ' * 9}end", (1, "-".join(["word"] * 8), f"{'word ' * 9}end", None, 0, [])),
    ],
)
def test_marks_stand_after_the_title_and_the_id_is_made_of_it(line, card):
    assert _read(line) == [card]


def test_a_card_is_a_part_of_the_nearest_above_that_is_indented_less():
    needs = {card[1]: card[5] for card in _read("a\n    b\n      c\n  d\ne\n\tf")}
    assert needs == {"a": ["b", "d"], "b": ["c"], "c": [], "d": [], "e": ["f"], "f": []}


def test_equal_titles_become_different_ids_and_none_that_a_line_gives():
    ids = [card[1] for card in _read("same\nsame\nsame\nother #same-2")]
    assert ids == ["same", "same-3", "same-4", "same-2"]


def test_every_line_that_is_wrong_is_told_in_its_order(session, card):
    card("there")
    text = "a @x @y\nb p9999999999\n #k\nc #k\nd <e #d\ne <d #e\nthere\nf #x,y"
    told = _faults(session, text)
    assert [each.partition(":")[0] for each in told] == [f"line {n}" for n in (1, 2, 3, 4, 5, 7, 8)]
    wrong = ("its phase twice: x and y", "priority must be", "no title", "on line 3 already")
    wrong += ("a cycle: d → e → d", "already; give this one another id, #…", "a comma")
    assert [part for part, each in zip(wrong, told, strict=True) if part not in each] == []


@pytest.mark.parametrize("text", ["", " \n\t\n", "a\n" * (MOST + 1)])
def test_an_outline_has_some_cards_and_not_too_many(text):
    with pytest.raises(UsageError, match=f"from 1 to {MOST} cards"):
        _read(text)


def _post(client, text: str, **pressed: str):
    return client.post(reverse("plan"), {"outline": text, **pressed})


def _digest(page) -> str:
    return page.context["digest"]


@pytest.mark.both_tiers
def test_a_preview_shows_the_cards_and_what_they_wait_for_and_makes_none(admin_client):
    CardFactory(id="old", done=True)
    page = _post(admin_client, f"{OUTLINE}Last <old <nowhere")
    rows = {row.id: (row.state, [each for _, each in row.needs]) for row in page.context["rows"]}
    assert rows["announce-it"] == ("waiting", ["parser"])
    assert rows["write-the-lexer"] == ("ready", [])
    assert (rows["old"], rows["nowhere"]) == (("done", []), ("missing", []))
    assert "there is no such card yet" in page.text
    assert Card.objects.count() == 1


@pytest.mark.both_tiers
def test_what_was_looked_at_is_made_whole(admin_client):
    page = _post(admin_client, OUTLINE)
    shown = sent(page.text, "outline")  # with the ends of lines that a browser sends
    made = admin_client.post(reverse("plan"), {**shown, "create": _digest(page)}, follow=True)
    assert "Created 4 cards." in made.text
    assert {card.id for card, _ in made.context["rows"]} == {
        *Card.objects.values_list("pk", flat=True)
    }
    assert Card.objects.get(pk="parser").depends_on == ["write-the-lexer", "write-the-grammar"]


def test_an_outline_that_has_changed_since_its_preview_is_shown_first(admin_client):
    page = _post(admin_client, "one\ntwo", create=_digest(_post(admin_client, "one")))
    assert "has changed since its preview" in page.text
    assert not Card.objects.exists()


def test_a_card_that_was_made_meanwhile_leaves_all_as_it_was_and_what_was_typed(admin_client):
    seen = _digest(_post(admin_client, "one\ntwo"))
    CardFactory(id="two")
    page = _post(admin_client, "one\ntwo", create=seen)
    assert (page.status_code, "line 2: there is a card two" in page.text) == (409, True)
    assert sent(page.text, "outline")["outline"] == ["one\r\ntwo"]
    assert Card.objects.count() == 1


def test_another_card_begins_with_the_phase_and_the_priority_of_the_last(admin_client):
    data = {"id": "N", "title": "New", "priority": "3", "phase": "M 1", "another": "1"}
    page = admin_client.post(reverse("create"), data, follow=True)
    shown = sent(page.text, "title")
    assert (shown["id"], shown["title"]) == ([""], [""])
    assert (shown["phase"], shown["priority"]) == (["M 1"], ["3"])


def test_a_lane_leads_to_a_new_card_in_it_for_who_may_add_one(admin_client, viewer):
    CardFactory(id="A", phase="M&1")
    CardFactory(id="B")
    page = admin_client.get("/").text
    links = re.findall(r'class="add"\s+href="([^"]*)"', page)
    assert sorted(links) == ["/cards/new/", "/cards/new/?phase=M%261"]
    assert 'class="add"' not in viewer.get("/").text
