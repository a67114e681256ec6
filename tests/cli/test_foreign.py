"""import --from: the backlogs of other trackers move in with one command."""

import json

import pytest

from tests.cli import lines, refused

pytestmark = pytest.mark.one_tier

NEW_YEAR = "2025-12-30T22:02:42.608377959"
WHY = "## Description\n\nWhy\n\n"


def bead(card_id, *edges, **keys):
    edges = [{"issue_id": card_id, "depends_on_id": to, "type": kind} for kind, to in edges]
    return {"id": card_id, "title": "t", "status": "open", "dependencies": edges, **keys}


def task(card_id, **keys):
    return {"id": card_id, "title": "t", "status": "pending", **keys}


def issue(number, **keys):
    url = f"https://github.com/octo/app/issues/{number}"
    return {"number": number, "title": "t", "state": "OPEN", "url": url, **keys}


def page(directory, name, matter, content=""):
    file = directory / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(f"---\n{matter}\n---\n{content}".encode())


@pytest.fixture
def moved(call, tmp_path):
    """Imports records, or the directory, and returns the answer and the cards by id."""

    def run(tracker, *records, update=()):
        file = lines(tmp_path, *records) if records else str(tmp_path)
        answer = call("import", "--from", tracker, file, "--json", *update).json
        cards = map(json.loads, call("export").out.splitlines())
        assert call("check").status == 0
        return answer, {card["id"]: card for card in cards}

    return run


def told(answer, kind):
    return {each["what"]: each["count"] for each in answer[kind]}


def test_beads_move_in_with_what_they_wait_for(moved):
    closed = {"closed_at": "2026-01-02T00:00:00Z", "close_reason": "all done"}
    answer, cards = moved(
        "beads",
        bead("e", title="Epic", priority=0, status="closed", issue_type="epic", **closed),
        bead("a", ("parent-child", "e"), ("blocks", "b"), ("relates-to", "x"), labels=["p", "q"]),
        bead("b", acceptance_criteria="- one\n- two", created_at=f"{NEW_YEAR}-06:00"),
        bead("gone", status="tombstone"),
    )
    assert (answer["created"], told(answer, "leftOut")) == (3, {"tombstone": 1})
    assert told(answer, "mapped")["priority 0 → 4"] == 1
    epic = cards["e"]
    assert (epic["status"], epic["priority"], epic["phase"]) == ("done", 4, "Epic")
    assert "\n- Close reason: all done" in epic["body"]
    assert (cards["a"]["dependsOn"], cards["a"]["phase"]) == (["b"], "Epic")
    said = "## From Beads\n\n- Labels: p, q\n- Parent: e\n- Relates-to: x"
    assert cards["a"]["body"] == said
    assert cards["b"]["acceptance"] == ["one", "two"]
    assert cards["b"]["createdAt"] == "2025-12-31T04:02:42.608377Z"


LATER = "2029-12-31T22:00:00.000000Z"


@pytest.mark.parametrize(
    ("keys", "status", "reason", "held"),
    [
        ({"status": "in_progress", "assignee": "ada"}, "ready", None, None),
        ({"status": "blocked"}, "blocked", "other", None),
        ({"status": "deferred"}, "blocked", "other", None),
        ({"status": "deferred", "defer_until": "2030-01-01T00:00:00+02:00"}, "ready", None, LATER),
        ({"status": "of their own"}, "blocked", "other", None),
    ],
)
def test_a_status_of_beads_is_one_of_ours(moved, keys, status, reason, held):
    card = moved("beads", bead("A", **keys))[1]["A"]
    assert (card["status"], card["blockReason"], card["notBefore"]) == (status, reason, held)
    assert ("- In progress, with: ada" in (card["body"] or "")) == ("assignee" in keys)


def test_what_would_wait_for_ever_does_not_wait_and_is_said(moved, card):
    card("here")
    answer, cards = moved(
        "beads",
        bead("a", ("blocks", "b"), ("blocks", "a"), ("blocks", "away"), ("blocks", "here")),
        bead("b", ("blocks", "c")),
        bead("c", ("blocks", "a")),
    )
    assert [cards[each]["dependsOn"] for each in "abc"] == [["b", "here"], ["c"], []]
    assert told(answer, "leftOut") == {
        "dependency on a card that is nowhere": 1,
        "dependency that closes a cycle": 2,
    }
    assert "- Waited for, and is not here: away" in cards["a"]["body"]


def test_an_odd_card_is_made_to_fit_and_keeps_no_other_back(moved):
    answer, cards = moved(
        "beads",
        bead("a,b", title=""),
        bead("c", ("blocks", "a,b"), title="nul\0", priority="x", created_at="soon", extra=1),
        bead("c", description="the second"),
        bead("c", description="the third"),
        bead("d", title="T" * 300, status="closed"),
        bead("k" * 300, ("parent-child", "d"), status="\ud800"),
    )
    assert list(cards)[:4] == ["a_b", "c", "c~2", "c~3"]
    assert cards["c"]["dependsOn"] == ["a_b"]
    assert [len(card["phase"]) for card in cards.values() if card["phase"]] == [255, 255]
    assert sum(told(answer, "changed").values()) == 11
    assert told(answer, "leftOut") == {"key extra": 1}


def test_a_second_run_changes_what_changed(call, moved):
    moved("beads", bead("A"), bead("B"))
    answer, cards = moved("beads", bead("A"), bead("B", status="closed"), update=["--update"])
    assert (answer["updated"], answer["unchanged"], cards["B"]["status"]) == (1, 1, "done")


def test_what_is_open_there_is_taken_from_no_worker_here(moved, call):
    moved("beads", bead("A"), bead("B"), bead("C"))
    call("claim", "--owner", "w", "--id", "A")
    call("complete", "--id", "B")
    call("block", "--id", "C", "--reason", "needs_input", "--note", "which?")
    answer, cards = moved("beads", bead("A"), bead("B"), bead("C"), update=["--update"])
    assert answer["unchanged"] == 3
    assert [cards[each]["status"] for each in "ABC"] == ["claimed", "done", "blocked"]


def test_tasks_of_task_master_have_sub_tasks_with_ids_of_their_own(moved):
    parts = [task(1, status="done"), task(2, dependencies=[1]), task("2.3", dependencies=["1"])]
    tasks = [task(1, status="cancelled"), task(2, dependencies=[1, "2.2"], priority="high")]
    tasks[1] |= {"subtasks": parts, "details": "How", "status": "review"}
    tags = {"master": {"tasks": tasks, "metadata": {}}, "auth": {"tasks": [task(1, subtasks=True)]}}
    _, cards = moved("taskmaster", json.dumps(tags, indent=1))
    assert {key: card["dependsOn"] for key, card in cards.items()} == {
        "1": [],
        "2": ["1", "2.2"],
        "2.1": [],
        "2.2": ["2.1"],
        "2.3": ["2.1"],
        "auth/1": [],
    }
    assert (cards["1"]["status"], cards["2"]["status"]) == ("done", "blocked")
    assert cards["2"]["priority"] == 3
    assert cards["2"]["body"] == "## Details\n\nHow\n\n## From Task Master\n\n- Status: review"
    assert (cards["auth/1"]["phase"], cards["1"]["phase"]) == ("auth", None)


def test_issues_of_gh_and_of_the_api_are_the_same_cards(moved):
    labels = [{"name": "priority: high"}, {"name": "bug"}]
    declined = {"state": "CLOSED", "stateReason": "NOT_PLANNED", "milestone": {"title": "v1"}}
    _, cards = moved("github", [issue(1, labels=labels), issue(2, **declined)])
    assert (cards["octo/app#1"]["priority"], cards["octo/app#1"]["status"]) == (3, "ready")
    assert (cards["octo/app#2"]["phase"], cards["octo/app#2"]["status"]) == ("v1", "done")
    assert "- Closed as: not planned" in cards["octo/app#2"]["body"]
    rest = {"html_url": issue(1)["url"], "url": "https://api.github.com/…", "state": "open"}
    first = json.dumps([issue(1, **{**rest, "labels": labels, "comments": 2})])
    second = json.dumps([issue(3, pull_request={})])
    answer, _ = moved("github", first + second, update=["--update"])
    assert (answer["created"], answer["unchanged"]) == (0, 1)
    assert told(answer, "leftOut")["pull request"] == 1


def test_a_directory_of_backlog_md_is_read_file_by_file(moved, tmp_path):
    home = tmp_path / "backlog"
    page(home, "milestones/m-1.md", "id: m-1\ntitle: First")
    boxes = (
        "## Acceptance Criteria\n<!-- AC:BEGIN -->\n- [x] #1 one\n- [ ] #2 two\n<!-- AC:END -->\n"
    )
    matter = "id: BACK-4.10\ntitle: CLI: *now*\nassignee: @ada\nstatus: Idea\nmilestone: m-1"
    matter += "\ndependencies: [task-3]\npriority: low"
    page(home, "tasks/back-4.10 - x.md", matter, WHY + boxes)
    page(home, "completed/back-3 - y.md", "id: BACK-3\ntitle: t\ncreated_date: 2025-06-04 10:11")
    page(home, "drafts/draft-3 - z.md", "id: DRAFT-3\ntitle: t\nstatus: To Do")
    (home / "config.yml").write_text('statuses: ["Idea", "Shipped"]')
    (home / "tasks/link.md").symlink_to("/etc/passwd")
    (home / "tasks/readme.md").write_text("no task")
    answer, cards = moved("backlog-md")
    states = {card["id"]: card["status"] for card in cards.values()}
    assert states == {"BACK-3": "done", "BACK-4.10": "ready", "DRAFT-3": "blocked"}
    card = cards["BACK-4.10"]
    assert (card["title"], card["phase"], card["priority"]) == ("CLI: *now*", "First", 1)
    assert (card["dependsOn"], card["acceptance"]) == (["BACK-3"], ["one", "two"])
    said = "Why\n\n## From Backlog.md\n\n- Assignee: @ada\n- Status: Idea\n- Criteria met: 1"
    assert card["body"] == said
    assert cards["BACK-3"]["createdAt"] == "2025-06-04T10:11:00.000000Z"
    assert told(answer, "leftOut") == {"file without front matter": 1, "symbolic link": 1}


@pytest.mark.parametrize(
    ("matter", "reason"),
    [
        ("id: &a [x]\nb: [*a, *a]", "has an alias (*a)"),
        ("id: " + "[" * 1000, "nested more than 20 levels deep"),
        ("id: " + "x" * 200_000, "100000 are the most"),
        ("id: [a\nb: }", "line 3: its front matter is no YAML"),
        ("- a", "no list of keys and values"),
    ],
)
def test_front_matter_that_means_no_good_is_refused_at_its_place(call, tmp_path, matter, reason):
    page(tmp_path, "tasks/task-1.md", matter)
    said = refused(call, 2, "import", "--from", "backlog-md", str(tmp_path))
    assert said.startswith("tasks/task-1.md: ")
    assert reason in said


@pytest.mark.parametrize(
    ("tracker", "line", "reason"),
    [
        ("beads", "{", "line 2: not a JSON object"),
        ("beads", {"title": "t"}, "line 2: id is missing"),
        ("beads", {"id": "A", "title": "t", "dependsOn": []}, "already: leave out --from"),
        (
            "beads",
            {"id": "A", "title": json.loads("[" * 300 + "]" * 300)},
            "line 2: JSON is nested",
        ),
        ("github", {"title": "t"}, "line 2: number is missing"),
        ("taskmaster", {"id": "A"}, "line 2: there are no tasks in it"),
        ("taskmaster", {"tasks": [{}]}, "a task of master: it has no id"),
        ("backlog-md", "", "give the project's directory, or the one in it that has tasks/"),
    ],
)
def test_what_is_no_backlog_is_refused_at_its_place(call, tmp_path, tracker, line, reason):
    assert reason in refused(call, 2, "import", "--from", tracker, lines(tmp_path, "", line))


@pytest.mark.parametrize("tracker", ["beads", "backlog-md"])
def test_what_may_not_be_looked_at_is_refused(call, tracker):
    said = refused(call, 2, "import", "--from", tracker, "x" * 300)
    assert said.endswith("x: File name too long\n")


def test_criteria_of_many_sections_are_all_kept(moved, tmp_path):
    section = "## Acceptance Criteria\n- [{}] #1 {}\n  and on\n"
    page(tmp_path, "tasks/task-1.md", "id: 1", section.format(" ", "a") + section.format("x", "b"))
    _, cards = moved("backlog-md")
    assert cards["1"]["acceptance"] == ["a\nand on", "b\nand on"]
    assert "- Criteria met: 2" in cards["1"]["body"]


def test_a_card_that_exists_is_refused_at_its_place(call, card, tmp_path):
    card("B")
    file = lines(tmp_path, bead("gone", status="tombstone"), bead("A"), bead("B"))
    said = refused(call, 1, "import", "--from", "beads", file)
    assert said.startswith("line 3: there is a card B already; --update changes")


def test_what_was_mapped_and_what_was_not_is_said_line_by_line(call, tmp_path):
    (tmp_path / ".beads").mkdir()
    file = lines(tmp_path / ".beads", bead("A", ("blocks", "Z")), bead("T", status="tombstone"))
    (tmp_path / ".beads/cards.jsonl").rename(tmp_path / ".beads/issues.jsonl")
    assert file
    assert call("import", "--from", "beads", str(tmp_path), "--dry-run").out.splitlines() == [
        "created: 1, updated: 0, unchanged: 0 (dry run)",
        "mapped: edge blocks → dependency: 1",
        "mapped: status open → ready: 1",
        "left out: dependency on a card that is nowhere: 1 (A → Z)",
        "left out: tombstone: 1 (T)",
    ]
