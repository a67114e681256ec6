"""create, list, edit, link, unlink and delete."""

import os
import subprocess

import pytest

from tests.cli import lines, refused
from tests.command import MANAGE, On

pytestmark = pytest.mark.one_tier

# B waits for A and for a card N that does not exist, C for B.
REFUSED = [
    ("create --id A --title t", "there is a card A already; choose another id, or edit that one"),
    ("create --id N --title t --depends-on N", "N cannot depend on itself"),
    ("create --id N --title t --depends-on B", "N cannot depend on B, which waits for N"),
    ("edit --id x --title t", "there is no card x"),
    ("edit --id A --depends-on A", "A cannot depend on itself"),
    ("edit --id A --depends-on B", "A cannot depend on B, which waits for A"),
    ("edit --id A --idempotency-key k", "another card has the idempotency key k already"),
    ("link --from A --to x", "there is no card x"),
    ("link --from x --to A", "there is no card x"),
    ("link --from A --to A", "A cannot depend on itself"),
    ("link --from A --to C", "A cannot depend on C, which waits for A"),
    ("unlink --from x --to y", "there is no card x"),
    ("delete --id A", "cannot delete: B waits for A; unlink first"),
]


@pytest.mark.parametrize(("words", "said"), REFUSED)
def test_what_does_not_fit_the_backlog_is_refused(call, card, words, said):
    card("A")
    card("B", needs=["A", "N"], idempotency_key="k")
    card("C", needs=["B"])
    assert refused(call, 1, *words.split()) == f"{said}\n"


@pytest.mark.both_tiers
def test_a_repeated_key_returns_the_card_unchanged_as_it_is_by_now(call):
    words = ("create", "--id", "A", "--title", "t", "--idempotency-key", "k", "--json")
    other = "create --id B --title other --priority 9 --depends-on C --idempotency-key k --json"
    assert call(*words) == call(*other.split())
    assert len(call("list", "--json").json) == 1
    call("complete", "--id", "A")
    assert call(*words).json["status"] == "done"


@pytest.mark.both_tiers
@pytest.mark.parametrize("ids", [("A", "A"), ("A", "B")])
def test_two_creates_that_race_with_one_key_give_one_card(store, call, ids):
    words = ("create", "--title", "t", "--idempotency-key", "k", "--json")
    answers = On(**os.environ).race(*((*words, "--id", card_id) for card_id in ids))
    assert [ran.status for ran in answers] == [0, 0]
    assert len({ran.out for ran in answers}) == 1
    assert len(call("list", "--json").json) == 1


def test_a_dependency_need_not_exist_yet(call):
    call("create", "--id", "B", "--title", "t", "--depends-on", "A")
    assert call("claim", "--owner", "w", "--json").json is None
    call("create", "--id", "A", "--title", "t")
    call("complete", "--id", "A")
    assert call("claim", "--owner", "w", "--json").json["id"] == "B"


@pytest.mark.both_tiers
def test_cards_are_listed_by_priority_then_age_then_id(call, tmp_path):
    at = {"title": "t", "createdAt": "2026-01-01T00:00:00Z"}
    late = {"title": "t", "createdAt": "2026-01-01T00:00:00.000001Z"}
    call("import", lines(tmp_path, {"id": "late", **late}, {"id": "b", **at}, {"id": "B", **at}))
    call("create", "--id", "high", "--title", "t", "--priority", "1")
    expected = ["high", "B", "b", "late"]
    assert [card["id"] for card in call("list", "--json").json] == expected
    claimed = [call("claim", "--owner", "w", "--json").json["id"] for _ in expected]
    assert claimed == expected


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("filters", "expected"),
    [
        ("--status ready", ["A", "B", "E"]),
        ("--status claimed", ["C"]),
        ("--status done", ["D"]),
        ("--status blocked", []),
        ("--phase M1", ["A", "C"]),
        ("--phase M1 --status claimed", ["C"]),
        ("--ready-only", ["A", "E"]),
        ("--ready-only --phase M1", ["A"]),
        ("--ready-only --status done", []),
        ("--phase nowhere", []),
    ],
)
def test_filters_narrow_the_list_together(call, card, filters, expected):
    card("A", phase="M1")
    card("B", needs=["A"])
    card("C", phase="M1", claimed=True)
    card("D", done=True)
    card("E", needs=["D"])
    found = call("list", *filters.split(), "--json").json
    assert [each["id"] for each in found] == expected


def test_edit_changes_the_given_fields_only(call, card):
    card("A", body="b", phase="M1", priority=3, acceptance='["x"]', idempotency_key="k")
    before = call("show", "--id", "A", "--json").json
    after = call("edit", "--id", "A", "--title", "new", "--json").json
    assert after == {**before, "title": "new", "updatedAt": after["updatedAt"]}
    assert after["updatedAt"] >= before["updatedAt"]


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("option", "blank", "key", "cleared"),
    [
        ("--phase", " ", "phase", None),
        ("--acceptance", " ", "acceptance", None),
        ("--depends-on", " ", "dependsOn", []),
        ("--idempotency-key", " ", "idempotencyKey", None),
        ("--idempotency-key", "", "idempotencyKey", None),
    ],
)
def test_a_blank_value_clears_a_field(call, card, option, blank, key, cleared):
    card("A", needs=["X"], body="b", phase="M1", acceptance='["x"]', idempotency_key="k")
    assert call("edit", "--id", "A", option, blank, "--json").json[key] == cleared


@pytest.mark.both_tiers
def test_edit_can_change_everything_at_once(call, card):
    card("A")
    words = "--title n --body b --phase p --priority 2 --depends-on X --acceptance c"
    edited = call("edit", "--id", "A", *words.split(), "--idempotency-key", "k", "--json").json
    assert (edited["title"], edited["body"], edited["phase"]) == ("n", "b", "p")
    assert (edited["priority"], edited["dependsOn"]) == (2, ["X"])
    assert (edited["acceptance"], edited["idempotencyKey"]) == (["c"], "k")


def test_edit_without_a_field_is_wrong_usage(call, card):
    card("A")
    assert "nothing to change: give one of --title" in refused(call, 2, "edit", "--id", "A")


@pytest.mark.parametrize("key", ["", " "])
def test_a_create_with_a_blank_key_is_refused(call, key):
    """It is an unset variable, more likely than not: the card would be made twice."""
    words = ("create", "--id", "A", "--title", "t", "--idempotency-key", key)
    assert "--idempotency-key must not be blank" in refused(call, 2, *words)


def test_edit_of_dependencies_gates_and_releases(call, card):
    card("A")
    card("B")
    call("edit", "--id", "B", "--depends-on", "A")
    assert not call("explain", "--id", "B", "--json").json["claimable"]
    call("edit", "--id", "B", "--depends-on", "")
    assert call("explain", "--id", "B", "--json").json["claimable"]


def test_link_adds_a_dependency_at_the_end_and_again_changes_nothing(call, card):
    card("A", needs=["X"])
    card("B")
    linked = call("link", "--from", "A", "--to", "B", "--json")
    assert linked.json["dependsOn"] == ["X", "B"]
    assert call("link", "--from", "A", "--to", "B", "--json") == linked


@pytest.mark.parametrize("status", ["ready", "claimed", "blocked", "done"])
def test_link_and_unlink_work_from_any_status(call, card, status):
    card("A", status=status)
    card("B")
    linked = call("link", "--from", "A", "--to", "B", "--json").json
    assert (linked["status"], linked["dependsOn"]) == (status, ["B"])
    unlinked = call("unlink", "--from", "A", "--to", "B", "--json").json
    assert (unlinked["status"], unlinked["dependsOn"]) == (status, [])


def test_unlink_makes_claimable_and_needs_no_existing_dependency(call, card):
    card("A", needs=["missing"])
    unlinked = call("unlink", "--from", "A", "--to", "missing", "--json")
    assert unlinked.json["dependsOn"] == []
    assert call("claim", "--owner", "w", "--json").json["id"] == "A"
    assert call("unlink", "--from", "A", "--to", "missing").status == 0


def test_delete_answers_the_card_as_it_was_and_removes_it(call, card):
    card("A", body="b")
    assert call("delete", "--id", "A", "--json").json["body"] == "b"
    assert call("list", "--json").json == []
    assert refused(call, 1, "delete", "--id", "A") == "there is no card A\n"


def test_a_card_that_others_wait_for_is_deleted_by_force(call, card):
    card("A")
    card("B", needs=["A"])
    assert call("delete", "--id", "A", "--force").out.startswith("A\t[deleted]\t")
    assert call("explain", "--id", "B", "--json").json["missing"] == ["A"]


def test_a_finished_dependent_does_not_hold_a_card(call, card):
    card("A")
    card("B", needs=["A"], done=True)
    assert call("delete", "--id", "A").status == 0


@pytest.mark.both_tiers
def test_the_worker_s_environment_needs_no_settings(store):
    needed = ("PATH", "BACKLOG_DATA_DIR", "DATABASE_URL")
    bare = {name: os.environ[name] for name in needed if name in os.environ}
    done = subprocess.run([*MANAGE, "backlog", "list"], env=bare, capture_output=True, check=True)
    assert done.stdout == b"(no cards)\n"


@pytest.fixture
def queue(card):
    """Five cards in the order of claims, the third of them blocked."""
    for card_id, priority in (("a", 2), ("b", 1), ("c", 1), ("d", 1), ("e", 0)):
        card(card_id, priority=priority, blocked=card_id == "c")


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["--limit", "2"], "ab"),
        (["--after", "b"], "cde"),
        (["--after", "c", "--ready-only"], "de"),
        (["--limit", "2", "--after", "a", "--status", "ready"], "bd"),
        (["--after", "e"], ""),
    ],
)
def test_a_list_goes_on_after_a_card(call, queue, words, ids):
    assert [each["id"] for each in call("list", *words, "--json").json] == list(ids)


def test_a_list_goes_on_after_no_card_that_is_not_there(call, queue):
    said = refused(call, 1, "list", "--after", "x", "--json")
    assert "there is no card x" in said


@pytest.mark.parametrize("words", ["create --id C --title t", "edit --id A", "edit --ids A,B"])
def test_a_dependency_that_is_not_there_is_done_and_said(call, card, words):
    card("A")
    card("B")
    card("D")
    ran = call(*words.split(), "--depends-on", "D,x,y", "--json")
    assert (ran.status, '"dependsOn":["D","x","y"]' in ran.out.replace(" ", "")) == (0, True)
    said = "waits for x, y: there is no such card yet; `unlink` takes a link back\n"
    assert ran.err == said
    assert call(*words.replace("C", "E").split(), "--depends-on", "D").err == ""


def test_waiting_is_no_status_and_what_lists_it_is_said(call):
    said = refused(call, 2, "list", "--status", "waiting")
    assert all(each in said for each in ("--status ready", "--ready-only", "`explain`"))
