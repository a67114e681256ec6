"""A form changes what somebody changed in it, and nothing else, whatever the card has."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from backlog.models import Card
from backlog.values import json_text
from backlog.web.roundtrip import ids_in, ids_text
from tests.factories import CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]

# As a browser is sent to a card's form, and the name of the form's URL.
FACES = ("edit", "admin:backlog_card_change")

# One of each at once, until every value had its turn.
ODD: dict[str, list[Any]] = {
    "title": [
        "padded ",
        "\ttab",
        "two\nlines",
        "two\r\nlines\r\n",
        "a\rb",
        "no\u00a0break\u2028and\x85more\x0b\x0c\ufeff",
        "&lt; <b> \" ' &#10;",
    ],
    "phase": ["M1 ", "\n"],
    "role": [" r"],
    "idempotency_key": [" k", "k\n"],
    "body": [
        "crlf\r\nends\r\n",
        "mixed\r\nends\n",
        "a\rb",
        "\n\n begins and ends \n\n",
        " ",
        "e\u0301 \u200b",
    ],
    "depends_on": [["a,b"], ["c", "a,b", " c", '"c"', "two\nlines", 'say "x, y"', "a\\nb"]],
    "acceptance": [
        '{ "b" : 1.50,\n"a":[ ] }',
        '["a;b", " c"]',
        '["a\\rb", "c\\r\\nd"]',
        '["one", "two"]',
        '"\\ud83d\\ude00"',
        "[]",
    ],
    "not_before": [
        datetime(2030, 1, 2, 3, 4, 5, 678901, tzinfo=UTC),
        datetime(1000, 1, 1, tzinfo=UTC),
    ],
    "max_attempts": [2_000_000_000],
    "priority": [-(2**31)],
}
ROUNDS = [
    {name: values[n % len(values)] for name, values in ODD.items()}
    for n in range(max(map(len, ODD.values())))
]
ROUNDS += [{}]  # what is not there is not made


def _odd_card(session, **fields: Any) -> None:
    """The card `A`, with what no face would let in today."""
    row = {"id": "A", "title": "A", **fields}
    if "depends_on" in row:
        row["depends_on"] = json_text(row["depends_on"])
    columns, values = ", ".join(row), ", ".join(["%s"] * len(row))
    session.execute("DELETE FROM backlog")
    session.execute(f"INSERT INTO backlog ({columns}) VALUES ({values})", list(row.values()))  # noqa: S608 (the tests' own words)


def _row(session) -> dict[str, str]:
    """Everything of A that a person could want to keep, as text."""
    row = session.execute(
        "SELECT to_jsonb(backlog) - '{priority,updated_at}'::text[] FROM backlog WHERE id = 'A'"
    ).fetchone()
    return row[0]


def _save(client, face: str = "edit", **typed: Any):
    """Open the form of A, type that over what it shows, and save."""
    url = reverse(face, args=["A"])
    return client.post(url, {**sent(client.get(url).text, "shown"), **typed})


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("fields", ROUNDS, ids=range(len(ROUNDS)))
def test_to_save_the_priority_alters_no_other_field(admin_client, session, face, fields):
    _odd_card(session, **fields)
    before = _row(session)
    assert _save(admin_client, face, priority="7").status_code == 302
    assert _row(session) == before
    assert Card.objects.values_list("priority").get() == (7,)


TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=30)
LINE = st.text(st.sampled_from(list("a \n\r\t,;\"'\\[]<&\u200b\u2028\x85")), min_size=1).filter(
    lambda text: re.search(r"\S", text, re.ASCII) and text.strip()
)


@pytest.mark.deep
@pytest.mark.parametrize("face", FACES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    title=LINE,
    body=TEXT,
    phase=TEXT,
    key=LINE,
    needs=st.lists(LINE, unique=True),
    criteria=st.lists(TEXT),
)
def test_no_text_is_altered_by_a_save_of_another_field(
    admin_client, session, face, title, body, phase, key, needs, criteria
):
    fields = {"title": title, "body": body, "phase": phase, "idempotency_key": key}
    _odd_card(session, **fields, depends_on=needs, acceptance=json_text(criteria))
    before = _row(session)
    assert _save(admin_client, face, priority="7").status_code == 302
    assert _row(session) == before


@given(ids=st.lists(LINE.map(str.strip).filter(bool)))
def test_ids_are_read_as_they_are_shown(ids):
    assert ids_in(ids_text(ids)) == ids


def test_ids_are_separated_by_commas_and_ends_of_lines():
    assert ids_in(' a, b ,\r\n"c,d", "e" ,,f "g') == ["a", "b", "c,d", "e", 'f "g']


@pytest.mark.parametrize("face", FACES)
def test_another_dependency_is_added_to_one_with_a_comma(admin_client, session, face):
    CardFactory(id="b")
    _odd_card(session, depends_on=["a,b"])
    _save(admin_client, face, depends_on=['"a,b"', "b"])
    assert Card.objects.get(pk="A").depends_on == ["a,b", "b"]


@pytest.mark.parametrize("field", ["title", "body"])
def test_a_changed_text_keeps_the_ends_of_its_lines(admin_client, session, field):
    for ends in "\n", "\r\n":
        _odd_card(session, **{field: ends.join("abc")})
        _save(admin_client, **{field: "a\r\nb\r\nd"})
        assert _row(session)[field] == ends.join("abd")


def test_a_text_that_was_typed_over_is_cleaned(admin_client, session):
    _odd_card(session, title="padded ")
    _save(admin_client, title=" new ")
    assert _row(session)["title"] == "new"


def test_what_a_card_has_from_before_a_rule_does_not_stop_a_save(admin_client, session):
    _odd_card(session, phase="M\t1", role="r" * 200, title="t" * 300)
    assert _save(admin_client, priority="7").status_code == 302


def test_a_conflict_carries_over_what_was_typed_and_nothing_else(admin_client, session):
    _odd_card(session, title="Old", phase="M1 ", body="one\r\ntwo")
    url = reverse("edit", args=["A"])
    form = sent(admin_client.get(url).text, "shown")
    session.execute("UPDATE backlog SET title = 'Theirs', phase = 'M2 '")
    page = admin_client.post(url, {**form, "body": "mine"})
    again = sent(page.text, "shown")
    assert (page.status_code, again["title"], again["body"]) == (409, ["Theirs"], ["mine"])
    assert admin_client.post(url, again).status_code == 302
    row = _row(session)
    assert (row["title"], row["phase"], row["body"]) == ("Theirs", "M2 ", "mine")


def test_a_form_with_an_error_still_knows_what_was_typed(admin_client, session):
    _odd_card(session, phase="M1 ", title="two\nlines")
    refused = _save(admin_client, priority="x", body="typed")
    again = {**sent(refused.text, "shown"), "priority": "7"}
    assert admin_client.post(reverse("edit", args=["A"]), again).status_code == 302
    row = _row(session)
    assert (row["phase"], row["title"], row["body"]) == ("M1 ", "two\nlines", "typed")


@pytest.mark.parametrize("card_id", [" k", "k ", "\x85k", "a,b", "two\nlines"])
def test_a_button_acts_on_the_very_card_it_was_pressed_for(admin_client, session, card_id):
    CardFactory(id="k")
    session.execute("INSERT INTO backlog (id, title) VALUES (%s, 'odd')", [card_id])
    page = admin_client.get(reverse("card", args=[card_id]))
    form = sent(page.text, "priority")
    admin_client.post(reverse("act"), {**form, "action": "priority", "priority": "5"})
    found = Card.objects.filter(priority=5).values_list("pk", flat=True)
    assert [*found] == [card_id]


def test_a_dependency_that_begins_with_a_blank_is_removed(admin_client, session):
    _odd_card(session, depends_on=[" k", "k"])
    form = sent(admin_client.get(reverse("card", args=["A"])).text, "dependency")
    assert form["dependency"] == [" k"]
    admin_client.post(reverse("act"), {**form, "action": "unlink"})
    assert Card.objects.get(pk="A").depends_on == ["k"]
