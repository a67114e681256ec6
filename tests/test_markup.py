"""What people and workers wrote is never more than a page bears, whatever it is."""

import json

import pytest
from django.urls import reverse

from backlog.models import Card
from backlog.web.markup import LONGEST, Room, items, markdown, plain, short
from backlog.web.views.cards import BODY_BYTES, CRITERIA_BYTES
from tests.factories import CardFactory

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def _of(unit: str, length: int = LONGEST) -> str:
    """This again and again."""
    return (unit * (length // len(unit) + 1))[:length]


TABLES = ("a|" * 181 + "\n" + "-|" * 181 + "\n" + "a\n" * 362 + "\n") * 3
LONG_LINK = "[a]: " + "x" * 33_000 + "\n\n" + "[a]" * 22_000
HOSTILE = {
    "wide tables": TABLES,
    "one address for many links": LONG_LINK,
    "one address of 3,000 characters": "[a]: /" + "x" * 3_000 + "\n\n" + _of("[a] ", 90_000),
    "one title for many links": "[a]: b '" + "x" * 33_000 + "'\n\n" + _of("[a]", 60_000),
    "quotes that go on": ">" * 19 + _of("a\n", 90_000),
    "quotes in quotes": _of(">" * 19 + "a\na\n"),
    "lists in lists": _of("- " * 19 + "a\n"),
    "a list that goes on": "- " * 19 + "a\n" + _of("a\n", 90_000),
    "numbered lists": _of("1. 2. 3. a\n"),
    "many items": _of("-\n"),
    "many tables": _of("a|b\n-|-\n"),
    "many rows": "a|b\n-|-\n" + _of("a|b\n", 90_000),
    "empty cells": "a|b\n-|-\n" + "|" * 90_000,
    "many columns": "|" * 33_000 + "\n" + "|-" * 33_000,
    "open brackets": _of("["),
    "open images": _of("[![[a]("),
    "links that do not end": _of("[a](b"),
    "brackets, then their ends": "[" * 50_000 + "]" * 50_000,
    "definitions": _of("[a]: b\n"),
    "definitions that do not end": _of("[a\n"),
    "emphasis": _of("*a_ "),
    "emphasis in emphasis": _of("*_"),
    "emphasis of every length": "".join("*" * n + "a_" for n in range(1, 440)),
    "code of every length": " ".join("`" * n for n in range(1, 440)),
    "code in brackets": _of("[`"),
    "struck through": _of("~~a ~"),
    "headings": _of("# a\n"),
    "underlined headings": _of("a\n=\n"),
    "addresses": _of("<a@b.c>_"),
    "ampersands": _of("&"),
    "entities": _of("&quot;"),
    "quotation marks": _of('"'),
    "angle brackets": _of("<"),
    "backslashes": _of("\\"),
    "line breaks": _of("a  \n"),
    "rules": _of("***\n"),
    "fences": _of("```\n"),
    "tabs": _of("\t"),
    "null-like": _of("\ufffd*"),
    "wide characters": _of("😀*"),
    "everything": _of("a*[b_`c<d&~~|"),
    "the longest text": "x" * 4_000_000,
}
# Of those, the ones that became most: bytes, steps, tokens.
WORST = ["wide tables", "one address for many links", "open images", "numbered lists", "entities"]
WORST += ["quotation marks", "the longest text"]


@pytest.mark.deep
@pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)
def test_no_text_is_more_bytes_or_steps_than_there_is_room_for(text):
    room = Room(size=300_000, steps=20_000)
    html = markdown(text, room)
    assert len(html.encode()) <= 300_000
    assert (room.size >= 0, room.steps >= 0) == (True, True)


@pytest.mark.deep
@pytest.mark.parametrize("kind", WORST)
def test_a_cards_page_has_a_bound_whatever_its_texts_are(admin_client, kind):
    text = HOSTILE[kind]
    CardFactory(id="A", body=text, acceptance=[text[:4_000]] * 20, blocked=True, note=text)
    page = admin_client.get(reverse("card", args=["A"]))
    assert len(page.content) < 1_000_000


def test_ordinary_text_needs_little_of_the_room():
    room = Room()
    html = markdown(
        "# Why\n\n- one *item*\n- [two](https://a.example)\n\n|a|b|\n|-|-|\n|c|d|\n", room
    )
    assert ("<table>" in html, "as it was written" in html) == (True, False)
    assert room.steps > Room().steps - 100


def test_what_is_too_much_is_shown_as_it_was_written_and_says_so():
    html = markdown(TABLES)
    assert "this is the text as it was written" in html
    assert f"<pre>{TABLES}</pre>" in html


def test_room_is_shared_by_all_texts_of_a_part():
    room = Room(size=100_000)
    shown, more = items([TABLES] * 50, room)
    assert (len(shown) + more, more > 0, room.size >= 0) == (50, True, True)


def test_a_text_that_took_all_steps_leaves_the_next_as_it_is():
    room = Room(steps=1_000)
    markdown(_of("[", 5_000), room)
    assert markdown("*a* " * 9, room).endswith("</pre>")


@pytest.mark.parametrize("letter", ["x", "&", "'", "中", "😀"])
def test_the_beginning_of_a_text_fits_in_bytes_however_long_its_letters_are(letter):
    room = Room(size=10_000)
    html = plain(letter * 20_000, room)
    assert 9_000 < len(html.encode()) <= 10_000
    assert "characters of it" in html


def test_a_long_body_is_shown_in_part_and_says_where_all_of_it_is(admin_client):
    CardFactory(id="A", body="y" * 4_000_000)
    page = admin_client.get(reverse("card", args=["A"]))
    assert len(page.content) < BODY_BYTES + 50_000
    assert "the verb <code>show --json</code> has all" in page.text


@pytest.mark.parametrize("acceptance", [["*a*"] * 500_000, ["z" * 3_000_000], {"a": "&" * 999_000}])
def test_criteria_of_any_number_and_length_are_bounded(admin_client, acceptance):
    CardFactory(id="A")
    written = json.dumps(acceptance)
    Card.objects.session().execute("UPDATE backlog SET acceptance = %s::jsonb", (written,))
    page = admin_client.get(reverse("card", args=["A"]))
    assert len(page.content) < CRITERIA_BYTES + 50_000


def test_many_criteria_say_how_many_more_there_are(admin_client):
    CardFactory(id="A", acceptance=["a" * 90] * 1_000)
    page = admin_client.get(reverse("card", args=["A"]))
    more = 1_000 - len(page.context["criteria"])
    assert (more > 0) == (f"And {more} more" in page.text)


def test_no_text_asks_the_server_for_anything():
    html = markdown('<b hx-get="/logout/" data-hx-trigger="load">x</b> [a](/x){hx-get=/logout/}')
    assert "<b" not in html
    assert "&lt;b hx-get=" in html


def test_a_task_of_a_list_is_a_box_that_nobody_ticks():
    html = markdown("- [ ] one\n- [x] *two*\n- [x]three\n\n[ ] four")
    box = '<li><input type="checkbox" disabled=""{} aria-label="{}"> '
    assert box.format("", "to do") + "one</li>" in html
    assert box.format(' checked=""', "done") + "<em>two</em></li>" in html
    assert html.count("<input") == 2


def test_a_criterion_may_be_a_task():
    shown, _ = items(["[ ] one", "two"], Room())
    assert [each.count("<input") for each in shown] == [1, 0]


@pytest.mark.parametrize(("size", "whole"), [(1_000, 5), (100, 0), (10, 0)])
def test_ids_in_a_line_are_in_one_piece_if_there_is_room(size, whole):
    room = Room(size)
    shown = short("a-1 < " * 5, room, 200)
    assert shown.count("whole") == whole
    assert len(shown.encode()) <= size + len("…".encode())
