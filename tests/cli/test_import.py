"""import: many cards at once, all or nothing; every refusal names its line."""

import json
import os
from pathlib import Path

import pytest

from tests.cli import lines, refused
from tests.command import On

HELD = {"status": "claimed", "claimOwner": "w", "claimTtlSeconds": 9}
HELD["claimedAt"] = "2026-01-01T00:00:00Z"

A = {"id": "A", "title": "t"}
B = {"id": "B", "title": "t"}


def test_imported_cards_are_as_their_lines_say(call, tmp_path):
    given = {**A, "phase": "M1", "priority": 3, "dependsOn": ["B"], "acceptance": {"a": [1]}}
    assert call("import", lines(tmp_path, given, B), "--json").out == (
        '{"created":2,"updated":0,"unchanged":0,"dryRun":false}\n'
    )
    shown = call("show", "--id", "A", "--json").json
    assert {key: shown[key] for key in given} == given
    assert call("show", "--id", "B", "--json").json["status"] == "ready"


@pytest.mark.parametrize(("status", "claimable"), [("ready", "A"), ("done", "B")])
def test_a_card_may_come_before_its_dependency(call, tmp_path, status, claimable):
    call("import", lines(tmp_path, {**B, "dependsOn": ["A"]}, {**A, "status": status}))
    assert [card["id"] for card in call("list", "--ready-only", "--json").json] == [claimable]
    assert call("claim", "--owner", "w", "--json").json["id"] == claimable
    assert call("check").status == 0


def test_cards_without_a_time_keep_the_order_of_their_lines(call, tmp_path):
    ids = ["z", "b", "a", "y"]
    call("import", lines(tmp_path, *({"id": card_id, "title": "t"} for card_id in ids)))
    assert [card["id"] for card in call("list", "--json").json] == ids


def test_claims_are_imported(call, tmp_path):
    call("import", lines(tmp_path, {**A, **HELD, "attempts": 3}))
    assert call("complete", "--id", "A", "--owner", "w", "--attempt", "3").status == 0


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("content", "created"),
    [
        (b"", 0),
        (b"\n\n  \n", 0),
        (b"\r\n", 0),
        (b'\r\n{"id":"A","title":"t"}\r\n\r\n{"id":"B","title":"t"}\r\n', 2),
        (b'\xef\xbb\xbf{"id":"A","title":"t"}\n{"id":"B","title":"t"}', 2),
        (b'  {"id" : "A", "title" : "t"}\t\n\n\t{"id":"B","title":"t"}', 2),
    ],
    ids=["empty", "blank lines", "a blank line of Windows", "CRLF", "byte order mark", "spaces"],
)
def test_blank_lines_and_files_of_other_systems_are_read(call, tmp_path, content, created):
    ran = call("import", lines(tmp_path, content), "--json")
    assert ran.json == {"created": created, "updated": 0, "unchanged": 0, "dryRun": False}


@pytest.mark.one_tier
def test_a_dash_reads_standard_input(command, call):
    ran = command("import", "-", stdin='{"id":"A","title":"é"}\n', env={"LC_ALL": "C"})
    assert (ran.status, ran.out) == (0, "created: 1, updated: 0, unchanged: 0\n")
    assert call("show", "--id", "A", "--json").json["title"] == "é"


def test_a_dry_run_says_what_would_be_and_writes_nothing(call, card, tmp_path):
    card("A")
    before = call("export").out
    file = lines(tmp_path, {**A, "body": "new"}, B)
    ran = call("import", file, "--update", "--dry-run")
    assert ran.out == "created: 1, updated: 1, unchanged: 0 (dry run)\n"
    assert call("import", file, "--update", "--dry-run", "--json").json["dryRun"] is True
    assert call("export").out == before


def test_update_changes_what_the_line_gives_and_nothing_else(call, card, tmp_path):
    card("A", body="b", priority=3, phase="M1", acceptance='["x"]')
    before = call("show", "--id", "A", "--json").json
    update = {"id": "A", "title": "new", "phase": None}
    assert call("import", lines(tmp_path, update), "--update", "--json").json["updated"] == 1
    after = call("show", "--id", "A", "--json").json
    assert after == {**before, "title": "new", "phase": None, "updatedAt": after["updatedAt"]}


def test_update_counts_created_updated_and_unchanged(call, tmp_path):
    ran = call("import", lines(tmp_path, A, B))
    assert ran.out == "created: 2, updated: 0, unchanged: 0\n"
    before = call("show", "--id", "A", "--json").json
    file = lines(tmp_path, A, {**B, "body": "x"}, {"id": "C", "title": "t"})
    assert call("import", file, "--update").out == "created: 1, updated: 1, unchanged: 1\n"
    assert call("show", "--id", "A", "--json").json == before


def test_update_moves_cards_and_gates_dependents(call, tmp_path):
    call("import", lines(tmp_path, A, {**B, "dependsOn": ["A"]}))
    call("import", lines(tmp_path, {"id": "A", "status": "done"}), "--update")
    assert call("claim", "--owner", "w", "--id", "B", "--json").json["id"] == "B"
    call("import", lines(tmp_path, {"id": "B", "status": "ready"}), "--update")
    assert call("show", "--id", "B", "--json").json["claimOwner"] is None
    assert call("check").status == 0


def test_update_of_attempts_never_goes_down(call, claimed, tmp_path):
    call("import", lines(tmp_path, {"id": "A", "attempts": 0}), "--update")
    assert call("show", "--id", "A", "--json").json["attempts"] == 1


BAD_LINES = [
    ("nonsense", "not a JSON object"),
    ("[]", "not a JSON object"),
    ("5", "not a JSON object"),
    ('"id"', "not a JSON object"),
    ("null", "not a JSON object"),
    ('{"id":"A","title":"t"', "not a JSON object"),
    ('{"id":"A","title":"t"} {}', "not a JSON object"),
    ('{"id":"A","title":"t","priority":NaN}', "not a JSON object"),
    (b'{"id":"A","title":"\xff"}', "not a JSON object"),
    (b"\x89PNG\x00\x01", "not a JSON object"),
    ("[" * 200_000, "nested too deeply"),
    ({**A, "depends_on": []}, "unknown key depends_on; known are id, title"),
    ({"title": "t"}, "id is missing"),
    ({"id": None, "title": "t"}, "id is missing"),
    ({"id": 5, "title": "t"}, "id must be a text"),
    ({"id": " ", "title": "t"}, "id must not be blank"),
    ({"id": "A"}, "title is missing"),
    ({"id": "A", "title": None}, "title is missing"),
    ({"id": "A", "title": " "}, "title must not be blank"),
    ({"id": "A", "title": 5}, "title must be a text"),
    ({**A, "body": ["x"]}, "body must be a text"),
    ({**A, "phase": True}, "phase must be a text"),
    ({**A, "priority": "5"}, "priority must be a whole number"),
    ({**A, "priority": 1.5}, "priority must be a whole number"),
    ({**A, "priority": True}, "priority must be a whole number"),
    ({**A, "priority": 2**31}, "priority must be between"),
    ('{"id":"A","title":"t","priority":1e3}', "priority must be a whole number"),
    ({**A, "status": "open"}, "status must be one of"),
    ({**A, "status": 1}, "status must be a text"),
    ({**A, "dependsOn": "B"}, "dependsOn must be an array"),
    ({**A, "dependsOn": [1]}, "each of dependsOn must be a text"),
    ({**A, "dependsOn": ["a\nb"]}, "dependency must be one line"),
    ({**A, "attempts": -1}, "attempts must be between"),
    ({**A, "idempotencyKey": ""}, "idempotencyKey must not be blank"),
    ({**A, "createdAt": "yesterday"}, "createdAt must be an ISO 8601 time"),
    ({**A, "createdAt": "2026-01-01T00:00:00"}, "createdAt must carry its offset"),
    ({**A, "createdAt": "2026-13-01T00:00:00Z"}, "createdAt must be an ISO 8601 time"),
    ({**A, "createdAt": 5}, "createdAt must be a text"),
    ({**A, "createdAt": "0001-01-01T00:00:00+14:00"}, "createdAt is out of range"),
    ({**A, "updatedAt": "x"}, "updatedAt must be an ISO 8601 time"),
    ({**A, "claimOwner": "w"}, "belong to status claimed"),
    ({**A, **HELD, "status": "done"}, "belong to status claimed"),
    ({**A, "status": "claimed"}, "belong to status claimed"),
    ({**A, **HELD, "claimedAt": None}, "belong to status claimed"),
    ({**A, **HELD, "claimTtlSeconds": 0}, "claimTtlSeconds must be between"),
    ({**A, **HELD, "claimOwner": " "}, "claimOwner must not be blank"),
    ('{"id":"A","title":"t","acceptance":"\\ud800"}', "acceptance must be valid"),
    ('{"id":"A","title":"t","acceptance":1e200000}', ""),
]


@pytest.mark.one_tier
@pytest.mark.parametrize(("line", "reason"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_named_and_nothing_is_imported(call, card, tmp_path, line, reason):
    card("X")
    before = {"id": "first", "title": "t"}
    said = refused(call, 2, "import", lines(tmp_path, before, "", line, B))
    assert said.startswith("line 3: ")
    assert reason in said
    assert len(said) < 500


def test_a_bad_line_in_json(call, tmp_path):
    ran = call("import", lines(tmp_path, A, "{"), "--json")
    assert (ran.status, ran.out) == (2, "")
    assert json.loads(ran.err)["error"]["message"].startswith("line 2: not a JSON object")


REFUSED = [
    ([A, B, A], [], "line 3: id A stands on line 1 already"),
    ([A, {**A, "id": " A "}], [], "line 2: id A stands on line 1 already"),
    ([B, {**A, "id": "X"}], [], "line 2: there is a card X already; --update changes"),
    (
        [{**A, "idempotencyKey": "k"}, {**B, "idempotencyKey": "k"}],
        [],
        "line 2: idempotencyKey k stands on line 1 already",
    ),
    ([A, {**B, "idempotencyKey": "taken"}], [], "line 2: another card has the idempotencyKey"),
    (
        [A, {"id": "Y", "idempotencyKey": "taken"}],
        ["--update"],
        "line 2: another card has the idempotencyKey",
    ),
    ([{**A, "dependsOn": ["A"]}], [], "line 1: A cannot depend on itself"),
    ([{**A, "dependsOn": ["B"]}, {**B, "dependsOn": ["A"]}], [], "line 1: dependencies close a cy"),
    ([B, {**A, "dependsOn": ["Y"]}], [], "line 2: dependencies close a cycle: "),
    ([A, {"id": "X", "dependsOn": ["Y"]}], ["--update"], "line 2: dependencies close a cycle"),
    ([{**A, "id": "X"}], ["--dry-run"], "line 1: there is a card X already; --update changes"),
    ([{**B, "dependsOn": ["B"]}], ["--dry-run"], "line 1: B cannot depend on itself"),
]


@pytest.mark.parametrize(("cards", "options", "reason"), REFUSED, ids=range(len(REFUSED)))
def test_what_does_not_fit_is_refused_by_line(call, card, tmp_path, cards, options, reason):
    card("X", idempotency_key="taken")
    card("Y", needs=["X", "A"])
    said = refused(call, 1, "import", lines(tmp_path, *cards), *options)
    assert said.startswith(reason)


@pytest.mark.one_tier
@pytest.mark.parametrize("update", [[], ["--update"]])
def test_a_new_card_needs_a_title_and_an_existing_one_does_not(call, card, tmp_path, update):
    card("A")
    refused(call, 2, "import", lines(tmp_path, {"id": "B", "priority": 1}), *update)
    file = lines(tmp_path, {"id": "A", "priority": 1})
    assert call("import", file, "--update", "--json").json["updated"] == 1


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("file", "reason"),
    [
        ("/nonexistent/file", "No such file"),
        ("/", "Is a directory"),
        ("", "Is a directory"),
        ("a\0b", "null byte"),
    ],
)
def test_a_file_that_cannot_be_read_is_named(call, file, reason):
    assert reason in refused(call, 2, "import", file)


def test_a_binary_file_is_refused(call):
    program = next(Path("/bin").glob("true"))
    assert refused(call, 2, "import", str(program)).startswith("line 1: not a JSON object")


def test_two_imports_of_one_file_at_once_one_succeeds(call, tmp_path):
    file = lines(tmp_path, *({"id": f"c{n}", "title": "t"} for n in range(2000)))
    ended = On(**os.environ).race(("import", file), ("import", file))
    assert sorted(ran.status for ran in ended) == [0, 1]
    assert "line 1: there is a card c0 already" in "".join(ran.err for ran in ended)
    assert call("stats", "--json").json["total"] == 2000


@pytest.mark.deep
@pytest.mark.one_tier
def test_a_hundred_thousand_cards_in_one_go(call, tmp_path):
    needs = ([f"c{n - s}" for s in (1, 7, 100) if n >= s] for n in range(100_000))
    cards = ({"id": f"c{n}", "title": f"Card {n}", "dependsOn": ids} for n, ids in enumerate(needs))
    assert call("import", lines(tmp_path, *cards), "--json").json["created"] == 100_000
    assert call("claim", "--owner", "w", "--json").json["id"] == "c0"
