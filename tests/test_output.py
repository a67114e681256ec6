"""What the commands of runs printed is kept beside the cards, and goes with them."""

import json

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from psycopg.errors import CheckViolation

from backlog import shown
from backlog.lifecycle import LONGEST_LAST_LINE, LONGEST_OUTPUT
from backlog.models import Card, RunOutput
from backlog.verbs import cards, claims, moves, output
from backlog.verbs.output import Printed
from backlog.verbs.sweep import sweep
from tests.cli import refused
from tests.hostile import HOSTILE, SEEN, acting

pytestmark = pytest.mark.quick

ANY_BYTES = bytes(range(256)) + "ü\r\n".encode() + b"\xc3"


@pytest.fixture
def prints(session, claimed):
    """Keeps what w has printed in an attempt at A; whether it is kept: `prints(b"…")`."""

    def keep(tail, before=0, attempt=1, owner="w", ended=False):
        return output.keep(session, "A", attempt, owner, Printed(tail, before, ended))

    return keep


def kept(session):
    """Of which attempts of which cards there is output."""
    return session.execute("SELECT card_id, attempt FROM backlog_output ORDER BY 2").fetchall()


def again(session):
    """A second attempt at A, by the same worker."""
    moves.reclaim_card(session, "A")
    claims.claim(session, "w", card_id="A")


def test_every_byte_is_kept_as_it_was(session, prints):
    assert prints(ANY_BYTES)
    found = output.output(session, "A")
    assert found.text.encode("utf-8", "surrogateescape") == ANY_BYTES
    assert (found.attempt, found.before, found.size, found.ended) == (1, 0, 259 + 2, False)


def test_no_more_than_the_end_is_kept_and_what_came_before_is_counted(session, prints):
    prints(b"x" * LONGEST_OUTPUT + b"end", before=7)
    found = output.output(session, "A")
    assert (found.before, len(found.text), found.text[-4:]) == (10, LONGEST_OUTPUT, "xend")
    with pytest.raises(CheckViolation):
        session.execute("UPDATE backlog_output SET tail = tail || 'x'")


def test_it_is_of_the_attempt_and_its_owner_alone(session, prints):
    again(session)
    assert (prints(b"late"), prints(b"new", attempt=2)) == (True, True)
    assert (prints(b"x", attempt=2, owner="v"), prints(b"x", attempt=3)) == (False, False)
    assert [output.output(session, "A", n).text for n in (1, 2)] == ["late", "new"]


def test_the_last_words_come_after_the_end_and_are_awaited(session, prints):
    prints(b"one")
    moves.complete(session, "A", "w", 1)
    assert output.look(session, "A").more
    assert prints(b"one two", ended=True)
    found = output.look(session, "A", seen=4)
    assert (found.more, found.output.before, found.output.text) == (False, 4, "two")


def test_it_goes_with_the_card_and_none_comes_after(session, prints):
    prints(b"one")
    cards.delete(session, "A")
    assert (prints(b"two"), kept(session)) == (False, [])


def test_it_goes_with_all_cards(session, prints):
    prints(b"one")
    session.execute("TRUNCATE backlog")
    assert kept(session) == []


def test_it_goes_with_its_run(session, prints, past_triggers):
    prints(b"one")
    again(session)
    prints(b"two", attempt=2)
    moves.complete(session, "A")
    past_triggers("UPDATE backlog_ended_run SET ended_at = '2020-01-01Z' WHERE attempt = 1")
    assert sweep(session, 30).runs == 1
    assert kept(session) == [("A", 2)]


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("tail", "line"),
    [
        (b"one\n\x1b[31mtwo\x1b[0m\n \n\x1b[0m", "two"),
        (b"10%\r20%\r\n", "20%"),
        (b"a\tb \xff\x00\x1b[2J", r"a b \xff\x00\x1b[2J"),
        (b"\n\n", ""),
    ],
)
def test_the_last_line_is_the_last_that_says_anything(tail, line):
    assert output.last_line(tail) == line


@pytest.mark.one_tier
def test_the_last_line_has_a_bound():
    assert len(output.last_line(b"x" * 10_000)) == LONGEST_LAST_LINE


@pytest.mark.django_db(transaction=True)
def test_the_last_lines_of_all_claims_are_one_look_up(session, prints, card):
    for card_id in ("B", "C"):
        card(card_id, claimed=True)
        output.keep(session, card_id, 1, "w", Printed(b"line of %b\n" % card_id.encode(), 0, False))
    moves.release(session, "C")
    with CaptureQueriesContext(connection) as queries:
        assert RunOutput.objects.last_lines(["A", "B", "C"]) == {"B": "line of B"}
    assert len(queries) == 1
    assert Card.objects.get(pk="B").outputs.get().attempt == 1


# At the command line ------------------------------------------------------------------------------


def test_the_command_shows_it_and_nothing_in_it_acts(call, prints):
    prints(f"\x1b[1;31mred\x1b[0m\n10%\r20%\n{HOSTILE}".encode())
    hostile = SEEN.replace(r"\x1b[31m", "")
    assert call("output", "--id", "A") == (0, f"red\n10%\n20%\n{hostile}\n", "")


@pytest.mark.one_tier
def test_a_terminal_is_told_of_colours_and_of_nothing_else():
    said = shown.coloured(f"\x1b[1;31mred{HOSTILE}")
    assert acting(said) == ["\x1b"] * 3
    assert said.startswith("\x1b[1;31mred")
    assert said.endswith("\x1b[0m")


@pytest.mark.one_tier
@pytest.mark.parametrize("variable", ["NO_COLOR", None])
def test_a_terminal_has_colours_unless_it_wants_none(monkeypatch, capsys, variable):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv(variable or "SOME_COLOR", "1")
    stream = type("Terminal", (list,), {"isatty": lambda self: True, "write": list.append})()
    shown.say_printed(stream, ["\x1b[31mred"])
    assert stream == ["red"] if variable else ["\x1b[31mred\x1b[0m"]


@pytest.mark.one_tier
def test_as_json_every_byte_can_be_told(call, prints):
    prints(ANY_BYTES, before=5, ended=True)
    told = json.loads(call("output", "--id", "A", "--json").out)
    assert told.pop("text").encode("utf-8", "surrogateescape") == ANY_BYTES
    assert told.pop("writtenAt").endswith("Z")
    assert told == {"cardId": "A", "attempt": 1, "before": 5, "ended": True}


@pytest.mark.one_tier
def test_what_is_not_kept_any_more_is_counted(call, prints):
    prints(b"end", before=1234)
    assert call("output", "--id", "A").out == "[1,234 bytes are not kept]\nend\n"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["nowhere"], "there is no card nowhere"),
        (["new"], "new has no attempt: nobody has claimed it yet"),
        (["A", "--attempt", "5"], "A has no attempt 5: it has had 2"),
        (["A"], "nothing is kept of what attempt 2 of A printed: "),
        (["A"], "; there is of attempt 1"),
    ],
)
def test_where_there_is_none_it_says_so(call, session, card, prints, words, said):
    card("new")
    prints(b"one")
    again(session)
    assert said in refused(call, 1, "output", "--id", *words)


@pytest.mark.one_tier
def test_following_goes_on_until_the_run_ends(call, session, prints, monkeypatch):
    prints(b"one\n")
    steps = iter([
        lambda: prints(b"one\ntwo", ended=False),
        lambda: prints(b"three\n", before=100),
        lambda: moves.complete(session, "A", "w", 1),
        lambda: prints(b"three\nfour", before=100, ended=True),
    ])  # fmt: skip
    monkeypatch.setattr("backlog.cli.loops.until_unread", lambda seconds: not next(steps)())
    said = call("output", "--id", "A", "--follow")
    assert said == (0, "one\ntwo\n[93 bytes are not kept]\nthree\nfour\n", "")
    assert next(steps, None) is None
