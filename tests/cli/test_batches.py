"""Many cards for one verb, by `--ids`: from a list, or from JSON lines on standard input."""

import json
import re
import sys
from functools import partial

import pytest

from backlog.verbs import runs
from tests.cli import lines, refused

pytestmark = [pytest.mark.one_tier, pytest.mark.quick]


@pytest.fixture
def stdin(monkeypatch, tmp_path):
    """Has the command read a line for each of these."""
    with (tmp_path / "cards.jsonl").open("w+") as file:
        monkeypatch.setattr(sys, "stdin", file)
        yield partial(lines, tmp_path)


@pytest.fixture
def claimed_cards(card):
    """A, B and C, which w holds in their first attempt."""
    for card_id in "ABC":
        card(card_id, claimed=True)


def told(ran):
    """Of each card, in the order of the answer: its status, or the code of its refusal."""
    return {
        each["id"]: each["card"]["status"] if "card" in each else each["error"]["code"]
        for each in ran.json
    }


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("words", "becomes"),
    [
        ("complete --owner w", "done"),
        ("block --owner w --reason transient", "blocked"),
        ("release --owner w --delay 9", "ready"),
        ("renew --owner w --ttl 9", "claimed"),
        ("edit --priority 3", "claimed"),
        ("link --to C", "claimed"),
        ("unlink --to C", "claimed"),
        ("cancel --reason wrong", "blocked"),
        ("delete", "claimed"),
    ],
)
def test_a_verb_takes_many_cards_and_tells_of_each(call, claimed_cards, words, becomes):
    ran = call(*words.split(), "--ids", " B ,,A", "--json")
    assert (ran.status, list(told(ran).items())) == (0, [("B", becomes), ("A", becomes)])
    assert call("show", "--id", "C", "--json").json["status"] == "claimed"


def test_a_refusal_of_one_undoes_no_other_and_has_the_shape_of_every_error(call, card):
    card("A", blocked=True)
    card("B")
    ran = call("unblock", "--ids", "B,A,X", "--json")
    assert (ran.status, ran.err) == (1, "")
    assert told(ran) == {"B": "wrong_state", "A": "ready", "X": "not_found"}
    assert json.dumps(ran.json[0]["error"]) + "\n" == (
        json.dumps(json.loads(call("unblock", "--id", "B", "--json").err)["error"]) + "\n"
    )


def test_without_json_it_is_a_line_each(call, claimed_cards, card):
    assert call("complete", "--ids", "A,X", "--owner", "w") == (
        4,
        "A\t[done]\tp=0\tphase=-\tdeps=-\tCard A\n"
        "X\t[claim_lost]\tcannot complete X: it does not exist (any more); stop working on it\n",
        "",
    )


@pytest.mark.both_tiers
def test_lines_have_the_attempt_and_what_is_said_of_it(call, session, claimed_cards, stdin):
    said = {"summary": "of A", "result": {"n": 1.10}, "tokens": 7, "cost": 0.25}
    stdin({"id": "B", "attempt": 2}, "\r", {"id": "A", "attempt": 1, **said}, '{"id":"C"}\r')
    ran = call("complete", "--ids", "-", "--owner", "w", "--summary", "of all", "--json")
    assert (ran.status, told(ran)) == (4, {"B": "claim_lost", "A": "done", "C": "done"})
    (of_a,), (of_c,) = runs.runs(session, "A"), runs.runs(session, "C")
    assert (of_a.summary, of_a.result, of_a.tokens, str(of_a.cost)) == (
        *("of A", '{"n": 1.1}', 7, "0.250000"),
    )
    assert (of_c.summary, of_c.tokens) == ("of all", None)


def test_what_claim_prints_names_the_cards_and_their_attempts(call, card, stdin):
    for card_id in "AB":
        card(card_id)
    taken = call("claim", "--owner", "w", "--count", "9", "--json")
    call("release", "--id", "B")
    call("claim", "--owner", "w")
    stdin(taken.out)
    assert told(call("complete", "--ids", "-", "--json")) == {"A": "done", "B": "claim_lost"}


def test_the_attempt_of_the_environment_holds_for_its_own_card(call, claimed_cards, monkeypatch):
    """An explicit --ids stands before the card of the environment."""
    for name, value in [("CARD_ID", "A"), ("ATTEMPT", "2"), ("OWNER", "w")]:
        monkeypatch.setenv(f"BACKLOG_{name}", value)
    ran = call("complete", "--ids", "B,A", "--json")
    assert told(ran) == {"B": "done", "A": "claim_lost"}


@pytest.mark.both_tiers
def test_lines_link_cards_to_what_each_waits_for(call, card, stdin):
    for card_id in "ABC":
        card(card_id)
    stdin({"id": "A", "on": "B"}, {"id": "A", "on": "C"}, {"id": "B", "on": "A"}, {"id": "C"})
    ran = call("link", "--ids", "-", "--to", "B", "--json")
    assert [each.get("error", {}).get("code") for each in ran.json] == [None, None, "cycle", None]
    assert call("show", "--id", "A", "--json").json["dependsOn"] == ["B", "C"]


def test_delete_removes_all_or_none(call, card):
    card("A")
    card("B", needs=["A"])
    assert "there is no card X" in refused(call, 1, "delete", "--ids", "A,B,X")
    assert re.findall(r"^(.)\t\[deleted]", call("delete", "--ids", "A,B").out, re.M) == ["A", "B"]
    assert call("list", "--json").json == []


def test_a_line_names_a_card_whatever_it_is_called(call, session, stdin):
    odd = ["a,b", "x ", "-", "é\u200b", '"']
    session.execute("INSERT INTO backlog (id, title) SELECT unnest(%s::text[]), 'Odd'", [odd])
    stdin(*({"id": card_id} for card_id in odd))
    assert told(call("complete", "--ids", "-", "--json")) == dict.fromkeys(odd, "done")


def test_nobody_named_is_nothing_to_do(call, stdin):
    for words, given in (["--json"], []), ([], []), ([], [b"null\n"]):
        stdin(*given)
        ran = call("complete", "--ids", "-", *words)
        assert ran == (0, "[]\n" if words else "(none)\n", "")


WRONG = {
    "no JSON": (b'{"id":"A"}\n{"id"', "line 2: not a JSON object: it ends in the middle"),
    "lines for people": (b"A\t[ready]\tp=0\n", "what claim, list and show print with --json"),
    "no object": (b'"A"\n', "line 1: not a JSON object"),
    "no UTF-8": (b'{"id":"\xff"}\n', "line 1: not a JSON object: it is not UTF-8"),
    "no id": (b'{"attempt":1}\n', "line 1: id is missing"),
    "an id that is a number": (b'{"id":1}\n', "line 1: id must be a text"),
    "a blank id": (b'{"id":" "}\n', "line 1: id must not be blank"),
    "a NUL byte": (b'{"id":"a\\u0000b"}\n', "line 1: id must not contain a NUL byte"),
    "half a character": (b'{"id":"\\ud800"}\n', "line 1: id must be valid UTF-8"),
    "an attempt that is a text": (b'{"id":"A","attempt":"1"}', "attempt must be a whole number"),
    "an attempt that is a half": (b'{"id":"A","attempt":1.5}', "attempt must be a whole number"),
    "an attempt of none": (b'{"id":"A","attempt":0}', "attempt must be between 1"),
    "an unknown key": (b'{"id":"A","atempt":1}', "unknown key atempt; known are id, attempt"),
    "a cost that is none": (b'{"id":"A","cost":"much"}', "line 1: cost must be a number such as"),
    "an id twice": (b'{"id":"A"}\n{"id":"A"}\n', "A is named twice"),
    "too many": (b"".join(b'{"id":"%d"}\n' % n for n in range(10_000)), "at most 1,000 cards"),
}


@pytest.mark.parametrize(("given", "sentence"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_read_is_refused_as_a_whole(call, claimed, stdin, given, sentence):
    stdin(given)
    assert sentence in refused(call, 2, "complete", "--ids", "-")


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("complete", "one of the arguments --id --ids is required"),
        ("complete --id A --ids B", "--ids: not allowed with argument --id"),
        ("complete --ids=", "--ids must not be blank"),
        ("complete --ids ,", "--ids must name cards"),
        ("complete --ids A,A", "A is named twice"),
        ("complete --ids A --attempt 1", "--attempt is about one card"),
        ("complete --ids A --owner w --claim-next", "--claim-next completes one card"),
        ("link --ids A", "say what the cards wait for"),
        ("link --from A", "--to is missing"),
        ("unlink --from A", "--to is missing"),
        ("unlink --ids A", "say what the cards wait for"),
        ("edit --ids A", "nothing to change"),
        ("delete --ids A,A", "A is named twice"),
    ],
)
def test_one_way_to_name_cards_and_nothing_that_is_about_one(call, claimed, words, sentence):
    assert sentence in refused(call, 2, *words.split())
