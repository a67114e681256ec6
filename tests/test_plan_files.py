"""Plans: a file becomes cards, changes them, is made of them again."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from backlog import values
from backlog.errors import UsageError
from backlog.verbs import cards as verbs
from backlog.verbs import claims, moves
from backlog.verbs.faults import MANY, Faults
from fleet import north_star
from fleet.verbs import plan_files, plans
from tests.workers import Background

pytestmark = pytest.mark.one_tier

PLAN = """\
phases:
- name: M1
  cards:
  - id: 4.10
    title: Write the lexer
    body: |
      It reads.

        - and skips
    acceptance: [every token has a test, 200, {n: 1.10}]
    role: code
    priority: 5
    projectedTokens: 20000
    projectedCost: 0.50
    maxRuntime: 3600
    due: 2030-12-01T00:00:00Z
    gated: true
  - id: parser
    title: Write the parser
    dependsOn: [4.10]
cards:
- {id: announce, title: Announce it, dependsOn: [parser]}
"""


def _apply(session, text: str, **how):
    return plans.apply(session, text.encode(), "plan.yaml", **how)


def _edges(told) -> list[tuple[str, str]]:
    return [tuple(edge) for edge in told]


def _refused(session, text: str) -> list[str]:
    """What a trial says of each fault, without the name of the file."""
    refusal = _apply(session, text, dry_run=True).refusal
    return [each.removeprefix("plan.yaml, ") for each in refusal.faults]


def _of(text: str) -> list[str]:
    faults = Faults(MANY)
    list(plan_files.cards(text.encode(), faults))
    return [str(refusal) for _, refusal in faults.kept]


@pytest.mark.both_tiers
def test_a_plan_makes_drafts_and_again_it_makes_nothing(session):
    made = _apply(session, PLAN)
    assert made.created == ["4.10", "parser", "announce"]
    assert _edges(made.linked) == [("parser", "4.10"), ("announce", "parser")]
    lexer = verbs.show(session, "4.10")
    assert (lexer.draft, lexer.gated, lexer.phase, lexer.max_runtime) == (True, True, "M1", 3600)
    assert json.loads(lexer.acceptance) == ["every token has a test", 200, {"n": 1.1}]
    assert lexer.body == "It reads.\n\n  - and skips\n"
    assert _apply(session, PLAN)[:-1] == ([], [], [], [], [], 3)


@pytest.mark.both_tiers
def test_a_plan_changes_what_it_says_and_has_every_edge_of_its_cards(session, card):
    _apply(session, PLAN)
    card("other")
    verbs.edit(session, "parser", priority=7)
    verbs.link(session, "announce", "other")
    text = PLAN.replace("the parser", "a parser").replace("    dependsOn: [4.10]\n", "")
    done = _apply(session, text.replace("role: code", "role: null"))
    assert done.changed == [("4.10", ["role"]), ("parser", ["title"])]
    assert _edges(done.unlinked) == [("parser", "4.10"), ("announce", "other")]
    assert verbs.show(session, "parser").priority == 7
    assert verbs.find(session, "other")


def test_a_trial_says_the_same_and_changes_nothing(session):
    tried = _apply(session, PLAN, dry_run=True)
    assert (tried, verbs.find(session, "parser")) == (_apply(session, PLAN), None)


def test_a_cycle_is_told_as_its_path_and_the_rest_of_the_trial_too(session):
    _apply(session, PLAN)
    text = "cards:\n- id: new\n  title: N\n- id: '4.10'\n  dependsOn: [announce]\n"
    tried = _apply(session, text, dry_run=True)
    assert tried.created == ["new"]
    (fault,) = tried.refusal.faults
    assert fault.startswith("plan.yaml, line 4: dependencies close a cycle: ")
    assert set(fault.partition("cycle: ")[2].split(" → ")) == {"4.10", "parser", "announce"}


def _submit(session, card_id):
    verbs.edit(session, card_id, gated=True)
    claims.claim(session, "w", card_id=card_id)
    moves.complete(session, card_id, "w")


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("begun", "because"),
    [
        (lambda s: claims.claim(s, "w", card_id="A"), "claimed by w in attempt 1"),
        (lambda s: moves.complete(s, "A"), "done"),
        (lambda s: _submit(s, "A"), "in review"),
    ],
)
def test_what_is_in_work_is_refused_or_held_until_the_next_time(session, card, begun, because):
    card("A")
    card("B")
    begun(session)
    text = "cards:\n- {id: A, title: new}\n- {id: B, title: new}\n"
    told = f"line 2: A is {because}, so its title cannot change; --hold leaves it as it is"
    assert _refused(session, text) == [told]
    done = _apply(session, text, hold=True)
    assert (done.held, done.changed) == ([("A", because)], [("B", ["title"])])
    session.execute("UPDATE backlog SET status = 'ready'")
    assert _apply(session, text).changed == [("A", ["title"])]


@pytest.mark.both_tiers
def test_a_claim_that_is_made_meanwhile_is_waited_for_and_heeded(session, sessions, card):
    card("A")
    with session.transaction():
        claims.claim(session, "w")
        text = b"cards: [{id: A, title: new}]"
        applying = Background(sessions(), lambda s: plans.apply(s, text, hold=True))
        assert applying.waits()
    assert applying.result().held == [("A", "claimed by w in attempt 1")]
    assert verbs.show(session, "A").title == "Card A"


def test_what_is_in_work_and_as_the_plan_says_is_no_matter(session, claimed):
    assert _apply(session, "cards: [{id: A, title: Card A}]").unchanged == 1


@pytest.mark.both_tiers
def test_drafts_are_claimed_once_they_are_published(session, card):
    _apply(session, "phases:\n- {name: M1, cards: [{id: A, title: t}]}\ncards: [{id: B, title: t}]")
    assert claims.claim(session, "w").card is None
    assert plans.publish(session, "M1") == ["A"]
    assert claims.claim(session, "w").card.id == "A"
    assert (plans.publish(session), plans.publish(session)) == (["B"], [])
    assert _apply(session, "cards: [{id: B, title: t}]").unchanged == 1


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", "line 1: it is empty; a plan has the keys phases and cards"),
        ("- id: A", "line 1: a plan has the keys phases and cards"),
        ("cards: A", "line 1: cards must be a list"),
        ("cards:\n- A", "line 2: a card of a plan is given as keys and values: id,"),
        ("phases:\n- cards: []", "line 2: a phase must have a name, which is text"),
        ("cards: []\nid: A", "line 2: a plan has no key id; there are phases, cards"),
        ("cards:\n- id: A\n  depends_on: []", "line 3: a card of a plan has no key depends_on;"),
        ("cards:\n- id: A\n  id: B", "line 3: id is given twice"),
        ("cards:\n- &a {id: A}\n- *a", "line 3: *a stands for something else: write it out"),
        ("cards: []\n---\ncards: []", "line 3: a second plan begins here"),
        ("cards:\n  - id: A\n - id: B", "line 3: did not find expected"),
        ("ü\n\x01", "line 2: U+0001 cannot stand in it"),
        (f"cards: {'[' * 300}", "line 1: it is nested more than 200 levels deep"),
        (
            "phases:\n- name: P\n  cards:\n  - id: A\n    phase: Q",
            "line 5: its phase is given twice",
        ),
    ],
)
def test_what_is_no_plan_is_told_with_its_line(text, told):
    assert _of(text)[0].startswith(told)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("goals:\n\t- A", "a tab cannot indent, blanks do"),
        ("goals:\n- @A", "a text that begins so is quoted"),
        ("goals:\n- goal: fix: it", "a text with a colon in it is quoted"),
        ("goals:\n- goal: A\n  phases\n  a: b", "a key has a colon after it"),
        ("goals:\n  - goal: A\n - goal: B", "what belongs together is indented alike"),
        ("goals:\n- 'A", "a quote is not closed"),
        ('goals:\n- "\\q"', "a backslash between double quotes is written twice"),
    ],
)
def test_what_is_no_yaml_says_what_would_be_right(text, right):
    assert right in _of(text)[0]
    with pytest.raises(UsageError, match=right):
        north_star.read(text)


def test_every_card_that_is_wrong_is_told_at_its_key(session):
    text = """\
cards:
- id: A
  title: t
  priority: high
- title: t
- {id: A, title: t}
- id: B
- {id: C, title: t, dependsOn: A}
"""
    told = ("line 4: priority must be", "line 5: id is missing", "line 6: id A stands on plan.yaml")
    told += ("line 7: title is missing", "line 8: dependsOn must be an array")
    faults = _refused(session, text)
    assert [part for part, each in zip(told, faults, strict=True) if part not in each] == []


def test_json_is_read_as_its_writers_escape_it():
    text = json.dumps(
        {"cards": [{"id": "A", "title": "\U0001f600 \\ud83d\\ude00 / \t"}]}, indent="\t"
    )
    ((line, _, card, _),) = plan_files.cards(text.encode(), Faults(MANY))
    assert (line, card["title"]) == (3, "\U0001f600 \\ud83d\\ude00 / \t")


_TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
_LINES = st.lists(
    st.sampled_from(["", " ", "a", "  b", "\tc", "d ", "# e", "- f: g", "é"]), min_size=2
)
_JSON = st.recursive(
    _TEXT | st.booleans() | st.none(), lambda each: st.lists(each) | st.dictionaries(_TEXT, each)
)


@given(_TEXT, _TEXT | _LINES.map("\n".join), _JSON)
def test_what_is_written_is_read_as_it_was(title, body, acceptance):
    card = {"id": "A", "title": title, "body": body, "acceptance": acceptance}
    plan = {"phases": [{"name": "M 1", "cards": [card]}], "cards": []}
    for text in ("\n".join(plan_files.written(plan)), values.exact_json(plan)):
        faults = Faults(MANY)
        ((*_, read, _),) = plan_files.cards(text.encode(), faults)
        assert (faults.kept, read) == ([], {**card, "phase": "M 1", "dependsOn": []})


@pytest.mark.both_tiers
def test_an_export_applies_to_the_same_plan(session):
    _apply(session, PLAN)
    plans.publish(session)
    verbs.edit(session, "parser", max_attempts=0, projected_tokens=0)
    claims.claim(session, "w")
    whole = "\n".join(plan_files.written(plans.export(session)))
    assert _apply(session, whole).unchanged == 3
    of_phase = plans.export(session, "M1")
    assert ([each["id"] for each in of_phase["phases"][0]["cards"]], of_phase["cards"]) == (
        ["4.10", "parser"],
        [],
    )
    for card_id in ("announce", "parser", "4.10"):
        verbs.delete(session, card_id)
    assert len(_apply(session, values.exact_json(of_phase)).created) == 2
    assert verbs.show(session, "parser").max_attempts == 0


@pytest.mark.both_tiers
def test_the_command_applies_publishes_and_exports(call, tmp_path, monkeypatch):
    file = tmp_path / "plan.yaml"
    file.write_text(PLAN)
    tried = call("plan", "apply", str(file), "--dry-run", "--json").json
    assert (tried["created"], tried["dryRun"]) == (["4.10", "parser", "announce"], True)
    assert call("plan", "apply", str(file)).out.endswith("unchanged: 0\n")
    assert call("plan", "publish", "--phase", "M1", "--json").json == {
        "published": ["4.10", "parser"]
    }
    file.write_text(call("plan", "export").out)
    assert call("plan", "apply", str(file), "--json").json["unchanged"] == 3
    file.write_text("cards:\n- {id: '4.10', title: new}\n")
    call("claim", "--owner", "w")
    assert call("plan", "apply", str(file)).status == 1
    ran = call("plan", "apply", str(file), "--dry-run", "--json")
    assert (ran.status, len(ran.json["refused"])) == (1, 1)
    held = call("plan", "apply", str(file), "--hold", "--json").json["held"]
    assert held == [{"id": "4.10", "because": "claimed by w in attempt 1"}]
    file.write_text("cards: {")
    assert call("plan", "apply", str(file)).status == 2
    assert call("plan", "apply", str(tmp_path)).status == 2
