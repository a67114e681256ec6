"""import: all that is wrong is said at once; with `--dry-run`, what the database refuses too."""

import re

import pytest

from backlog.verbs.faults import FEW, MANY
from tests.cli import lines, refused

pytestmark = pytest.mark.one_tier

A = {"id": "A", "title": "t"}
B = {"id": "B", "title": "t"}
TITLE = {5: "must be a text", None: "is missing"}
EXISTS = "there is a card X already; --update changes existing cards"


def said(call, status, *words):
    """Each fault that the refusal tells, nothing of it written."""
    return refused(call, status, "import", *words).rstrip("\n").split("; line ")


@pytest.mark.both_tiers
def test_all_unknown_keys_are_told_at_once_with_their_lines(call, tmp_path):
    strange = [{**A, "labels": []}, B, {"id": "C", "title": "t", "labels": [], "parent": 1}]
    message = refused(call, 2, "import", lines(tmp_path, *strange))
    assert message.startswith(
        "line 1: unknown keys labels (2 lines, the first is line 1), parent (1 line, the first is"
        " line 3); known are id, title, "
    )
    assert message.endswith("; --ignore-unknown leaves them out\n")


MEANT = {
    "depends_on": "dependsOn", "DependsOn": "dependsOn", "depends-on": "dependsOn",
    "description": "body", "titel": "title", "claim_owner": "claimOwner", "prioritty": "priority",
    "acceptance_criteria": "acceptance", "blocked_by": "dependsOn", "created_at": "createdAt",
}  # fmt: skip


@pytest.mark.parametrize("key", MEANT)
def test_a_near_miss_is_told_what_it_may_mean(call, tmp_path, key):
    file = lines(tmp_path, {**A, key: "x"}, {**B, key: "x"})
    message = refused(call, 2, "import", file)
    assert message.startswith(f"line 1: unknown key {key} (2 lines); known are id, title, body, ")
    assert f"; perhaps {MEANT[key]} for {key}; " in message


def test_however_many_and_long_unknown_keys_are_the_message_is_not(call, tmp_path):
    file = lines(tmp_path, {**A, **{f"{n}{'k' * 1000}": n for n in range(1000)}})
    message = refused(call, 2, "import", file)
    assert " and 980 more; known are id, " in message
    assert len(message) < 4000


@pytest.mark.both_tiers
def test_unknown_keys_are_left_out_and_counted(call, tmp_path):
    file = lines(tmp_path, {**A, "x": "\0", "y": "1e131071"}, {**B, "x": 2, "body": "b"})
    ran = call("import", file, "--ignore-unknown", "--dry-run")
    assert ran.out == "created: 2, updated: 0, unchanged: 0, ignored: x (2), y (1) (dry run)\n"
    counts = {"created": 2, "updated": 0, "unchanged": 0, "dryRun": False}
    ignored = {"ignored": {"x": 2, "y": 1}}
    assert call("import", file, "--ignore-unknown", "--json").json == {**counts, **ignored}
    assert call("show", "--id", "B", "--json").json["body"] == "b"


def test_an_option_that_ignores_nothing_says_so(call, tmp_path):
    ran = call("import", lines(tmp_path, A), "--ignore-unknown", "--dry-run")
    assert ran.out == "created: 1, updated: 0, unchanged: 0, ignored: - (dry run)\n"


def test_what_is_ignored_does_not_reach_the_database_beside_criteria(call, tmp_path):
    odd = '{"id":"A","title":"t","acceptance":[1.10],"x":["\\u0000",1e200000]}'
    assert call("import", lines(tmp_path, odd), "--ignore-unknown").status == 0
    assert '"acceptance":[1.10],' in call("show", "--id", "A", "--json").out


def test_every_fault_of_every_line_is_told(call, tmp_path):
    bad = [{"id": "A", "title": 5, "priority": "x"}, B, "nonsense", {**B, "status": "open"}]
    assert said(call, 2, lines(tmp_path, *bad)) == [
        "line 1: title must be a text",
        "1: priority must be a whole number",
        "3: not a JSON object: Expecting value",
        '4: status must be one of ready, claimed, blocked, done, not "open"',
        "4: id B stands on line 2 already",
    ]


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("options", "told", "rest"),
    [
        ([], FEW, "and 140 more (--dry-run tells the first 100)"),
        (["--dry-run"], MANY, "and 50 more"),
    ],
)
@pytest.mark.parametrize("bad", [{"title": 5}, {"title": None}], ids=["line", "database"])
def test_of_many_faults_the_first_are_told_and_all_counted(
    call, tmp_path, bad, options, told, rest
):
    file = lines(tmp_path, *({"id": f"c{n}", **bad} for n in range(150)))
    message = refused(call, 2, "import", file, *options)
    assert message.count(": title ") == told
    assert message.endswith(f"line {told}: title {TITLE[bad['title']]}; {rest}\n")


def test_a_card_of_which_the_keys_alone_are_wrong_is_checked_further(call, card, tmp_path):
    card("X")
    file = lines(tmp_path, {"id": "X", "title": "t", "x": 1})
    assert said(call, 2, file, "--dry-run")[-1] == f"1: {EXISTS}"


@pytest.mark.both_tiers
def test_a_dry_run_says_what_the_database_would_refuse_too(call, card, tmp_path):
    card("X", idempotency_key="taken")
    cards = [
        {"id": "X", "title": "t"},
        {"id": "A", "title": "t", "idempotencyKey": "taken"},
        {"id": "B"},
        {"id": "C", "title": "t", "dependsOn": ["D"]},
        {"id": "D", "title": "t", "dependsOn": ["C"]},
        {"id": "E", "title": "t", "priority": 1.5},
        {"id": "F", "title": "t", "dependsOn": ["G"]},
        {"id": "G", "title": "t", "dependsOn": ["F"]},
    ]
    assert said(call, 2, lines(tmp_path, *cards), "--dry-run") == [
        f"line 1: {EXISTS}",
        "2: another card has the idempotencyKey taken already",
        "3: title is missing",
        "4: dependencies close a cycle: C → D → C",
        '6: priority must be a whole number in decimal digits, not "1.5"',
        "7: dependencies close a cycle: F → G → F",
    ]


@pytest.mark.both_tiers
def test_a_ring_of_many_cards_is_cut(call, tmp_path):
    ring = ({"id": f"c{n}", "title": "t", "dependsOn": [f"c{(n + 1) % 500}"]} for n in range(500))
    message = refused(call, 1, "import", lines(tmp_path, *ring))
    assert message.startswith("line 1: dependencies close a cycle: c")
    assert re.search(r": c\d+( → c\d+){99} → … and 401 more\n$", message)


@pytest.mark.both_tiers
def test_a_cycle_that_was_there_before_is_not_the_imports(
    call, card, session, tmp_path, past_triggers
):
    card("X")
    card("Y", needs=["X"])
    past_triggers("INSERT INTO backlog_dependency VALUES ('X', 'Y')")
    file = lines(tmp_path, {**A, "dependsOn": ["Y"]})
    assert call("import", file, "--json").json["created"] == 1
