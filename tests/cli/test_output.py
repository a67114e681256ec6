"""The shape of every answer: JSON for programs, lines for people and `cut`."""

import re

import pytest

from tests.cli import KEYS

pytestmark = [pytest.mark.quick, pytest.mark.one_tier]

TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


def test_a_card_has_exactly_these_keys_in_this_order_null_or_by_default(call):
    ran = call("create", "--id", "A", "--title", "t", "--json")
    card = ran.json
    assert list(card) == KEYS
    assert ran.out.count("\n") == 1
    assert ran.out.endswith("}\n")
    assert [key for key in KEYS if card[key] is None] == [
        *("body", "phase", "claimOwner", "claimTtlSeconds", "claimedAt"),
        *("idempotencyKey", "acceptance", "role", "maxAttempts", "notBefore"),
        *("blockReason", "blockNote", "answer", "due", "maxRuntime"),
        *("projectedTokens", "projectedCost", "resolution", "archivedAt"),
    ]
    assert (card["draft"], card["gated"]) == (False, False)
    assert (card["priority"], card["status"], card["attempts"]) == (0, "ready", 0)
    assert card["dependsOn"] == []


@pytest.mark.both_tiers
def test_everything_that_was_given_is_shown(call):
    given = ["--body", "b", "--phase", "M1", "--priority", "7", "--depends-on", "Y,X"]
    given += ["--acceptance", '{"a": 1}', "--idempotency-key", "k"]
    card = call("create", "--id", "A", "--title", "t", *given, "--json").json
    assert (card["body"], card["phase"], card["priority"]) == ("b", "M1", 7)
    assert (card["dependsOn"], card["idempotencyKey"]) == (["Y", "X"], "k")
    assert card["acceptance"] == {"a": 1}


def test_times_are_utc_with_milliseconds_and_z(call):
    call("create", "--id", "A", "--title", "t")
    card = call("claim", "--owner", "w", "--json").json
    assert all(re.fullmatch(TIME, card[key]) for key in ("claimedAt", "createdAt", "updatedAt"))


@pytest.mark.parametrize(
    "words",
    [
        ("show", "--id", "A"),
        ("edit", "--id", "A", "--title", "new"),
        ("link", "--from", "A", "--to", "B"),
        ("unlink", "--from", "A", "--to", "B"),
        ("claim", "--owner", "w"),
        ("claim", "--owner", "w", "--id", "A"),
        ("block", "--id", "A"),
        ("complete", "--id", "A"),
        ("delete", "--id", "A"),
    ],
)
def test_every_verb_that_answers_a_card_prints_the_same_shape(call, card, words):
    card("A")
    card("B")
    ran = call(*words, "--json")
    assert list(ran.json) == KEYS
    assert ran.json["id"] == "A"


def test_a_list_is_one_line_with_an_array(call, card):
    card("A")
    card("B")
    ran = call("list", "--json")
    assert [list(each) for each in ran.json] == [KEYS, KEYS]
    assert ran.out.count("\n") == 1


def test_an_empty_list_is_an_empty_array(call):
    assert call("list", "--json").out == "[]\n"
    assert call("list").out == "(no cards)\n"


def test_stats_are_an_object_or_four_lines(call, card):
    card("A")
    card("B", done=True)
    assert call("stats", "--json").out == (
        '{"counts":{"ready":1,"claimed":0,"blocked":0,"done":1},"total":2,'
        '"oldestReadyAgeSeconds":0,"expiredClaimCount":0}\n'
    )
    assert call("stats").out == (
        "total: 2\nready=1 claimed=0 blocked=0 done=1\noldest-ready-age: 0s\nexpired-claims: 0\n"
    )


def test_stats_of_nothing_have_no_age(call):
    assert call("stats", "--json").json["oldestReadyAgeSeconds"] is None
    assert call("stats").out == (
        "total: 0\nready=0 claimed=0 blocked=0 done=0\noldest-ready-age: -s\nexpired-claims: 0\n"
    )


def test_the_age_is_in_whole_seconds_of_the_oldest_ready_card(call, card, session):
    card("old", needs=["missing"])
    card("older")
    session.execute("UPDATE backlog SET created_at = now() - interval '90.7 s' WHERE id = 'old'")
    session.execute("UPDATE backlog SET created_at = now() - interval '9 h' WHERE id = 'older'")
    call("complete", "--id", "older")
    assert call("stats", "--json").json["oldestReadyAgeSeconds"] in (90, 91, 92)


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ("", "A\t[ready]\tp=0\tphase=-\tdeps=-\tA title\n"),
        (
            "--phase M1 --priority -3 --depends-on b,a",
            "A\t[ready]\tp=-3\tphase=M1\tdeps=b,a\tA title\n",
        ),
    ],
    ids=["nothing", "everything"],
)
def test_a_card_for_people_is_one_line_with_tabs(call, given, line):
    assert call("create", "--id", "A", "--title", "A title", *given.split()).out == line


def test_tabs_and_newlines_in_a_title_do_not_break_the_line(call):
    call("create", "--id", "A", "--title", "one\ttwo\r\nthree", "--phase", "p  q")
    assert call("list").out == "A\t[ready]\tp=0\tphase=p q\tdeps=-\tone two three\n"
    assert call("show", "--id", "A", "--json").json["title"] == "one\ttwo\r\nthree"


@pytest.mark.parametrize(
    "words", [("claim", "--owner", "w"), ("complete", "--id", "x"), ("block", "--id", "x")]
)
def test_no_card_is_null_or_none(call, words):
    assert call(*words, "--json") == (0, "null\n", "")
    assert call(*words) == (0, "(none)\n", "")


def test_reclaim_lists_the_ids_that_it_took(call, card):
    assert call("reclaim", "--json").out == '{"reclaimed":[]}\n'
    assert call("reclaim").out == "(nothing to reclaim)\n"
    for card_id in "DCBA":
        card(card_id, expired=True)
    assert call("reclaim", "--id", "C", "--json").out == '{"reclaimed":["C"]}\n'
    assert call("reclaim", "--id", "D").out == "reclaimed: D\n"
    assert call("reclaim").out == "reclaimed: A, B\n"


def test_text_stands_in_json_as_it_is(call):
    title = "Zoë 🚀 שלום e\u0301 \u2028 'quotes\" \\ <b>"
    ran = call("create", "--id", "ключ", "--title", title, "--json")
    assert (ran.json["id"], ran.json["title"]) == ("ключ", title)
    assert "🚀" in ran.out


def test_show_for_people_leaves_out_what_is_empty(call, card):
    card("A", body="one\ntwo")
    shown = call("show", "--id", "A").out
    assert shown.startswith("id: A\ntitle: Card A\nbody: one\n  two\npriority: 0\nstatus: ready\n")
    assert "phase" not in shown


def test_show_of_an_unknown_card_is_refused(call):
    ran = call("show", "--id", "x", "--json")
    assert (ran.status, ran.out) == (1, "")
    assert ran.err == '{"error":{"code":"not_found","message":"there is no card x"}}\n'
