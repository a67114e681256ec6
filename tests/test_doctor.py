"""The doctor: every card that never goes on by itself, why, and the command that lets it."""

import shlex

import pytest

from backlog.verbs import moves
from backlog.verbs.doctor import everything
from backlog.verbs.findings import command
from backlog.verbs.verdicts import verify
from tests.diagnosis import findings, follow, link_raw


def why(finding):
    return finding.kind, finding.because, finding.reason


# Cards --------------------------------------------------------------------------------------------


def test_a_backlog_that_goes_on_by_itself_has_no_findings(call, card):
    card("A")
    card("B", needs=["A"])
    card("C", claimed=True)
    card("D", needs=["C"])
    assert call("doctor") == (0, "(healthy)\n", "")
    assert call("doctor", "--json") == (0, '{"ok":true,"findings":[]}\n', "")


def test_a_blocked_card_says_why_and_how_many_it_holds_up(card, session):
    card("A", blocked=True, reason="needs_input", note="which port?")
    card("B", needs=["A"])
    card("C", needs=["B"])
    found = findings(session)
    assert (found["A"].kind, found["A"].way_out) == ("blocked", "backlog unblock --id A")
    assert found["A"].message == "blocked: needs_input: which port?"
    assert (found["A"].count, found["A"].holds_up) == (1, 2)
    assert [why(found[i]) for i in "BC"] == [("waiting", "A", "blocked")] * 2


def test_an_exhausted_card_is_of_its_own_kind(call, card, session):
    card("A", max_attempts=1, claimed=True)
    card("B", needs=["A"])
    call("release", "--id", "A", "--owner", "w")
    found = findings(session)
    assert (found["A"].kind, found["A"].reason) == ("exhausted", "attempts_exhausted")
    assert why(found["B"]) == ("waiting", "A", "exhausted")


def test_a_card_that_does_not_exist_is_named(card, session, call):
    card("A", needs=["nowhere"])
    card("B", needs=["A"])
    found = findings(session)
    assert (found["A"].kind, found["A"].because) == ("missing", "nowhere")
    assert why(found["B"]) == ("waiting", "nowhere", "missing")
    assert found["B"].way_out == found["A"].way_out == "backlog unlink --from A --to nowhere"
    follow(call, found["A"].way_out)
    assert call("doctor").status == 0


def test_a_cycle_made_behind_our_back_is_found_with_all_that_waits_for_it(card, session, call):
    for card_id in "ABCDE":
        card(card_id)
    link_raw(session, "A", "B")
    link_raw(session, "B", "C")
    link_raw(session, "C", "A", "E")
    card("W", needs=["B"])
    card("X", needs=["W", "E"])
    found = findings(session)
    assert [found[i].kind for i in "ABC"] == ["cycle"] * 3
    assert [why(found[i]) for i in "WX"] == [("waiting", "B", "cycle")] * 2
    assert set(found) == {*"ABCWX"}
    assert follow(call, found["X"].way_out).status == 0
    assert call("doctor").status == 0


def test_a_claimed_card_on_a_cycle_is_its_way_out(card, session):
    card("A", claimed=True)
    card("B", needs=["A"])
    link_raw(session, "A", "B")
    assert findings(session) == {}


def test_a_blocked_card_on_a_cycle_is_both(card, session):
    card("A", blocked=True)
    card("B", needs=["A"])
    link_raw(session, "A", "B")
    found = [(each.kind, each.id) for each in everything(session)]
    assert found == [("blocked", "A"), ("cycle", "A"), ("cycle", "B")]


def test_a_done_card_ends_the_search(card, session):
    card("A", blocked=True)
    card("B", needs=["A"], done=True)
    card("C", needs=["B"])
    assert set(findings(session)) == {"A"}


def test_a_card_that_is_held_back_goes_on_by_itself(card, session):
    card("A", held_back=True)
    card("B", needs=["A"])
    assert findings(session) == {}


def test_an_expired_claim_is_a_finding(card, session, call):
    card("A", expired=True)
    found = findings(session)["A"]
    assert (found.kind, found.name, found.way_out) == ("expired", "w", "backlog reclaim")
    follow(call, found.way_out)
    assert findings(session) == {}


@pytest.mark.one_tier
@pytest.mark.parametrize("card_id", ["a b", "it's", "-n", "--x", '"', "$HOME", "ü;rm", "back\\sl"])
def test_a_way_out_can_be_pasted_whatever_the_id(card, call, session, card_id):
    card(card_id, blocked=True)
    card("W", needs=[card_id])
    assert follow(call, findings(session)["W"].way_out).status == 0
    assert findings(session) == {}


@pytest.mark.one_tier
def test_a_command_joins_an_option_only_with_what_looks_like_one():
    assert command("unblock", "--id", "-n") == "backlog unblock --id=-n"
    assert command("unblock", "--id", "n") == "backlog unblock --id n"


# Scopes -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "key", "count"),
    [([], "fleet:None", 3), (["--phase", "M1"], "phase:M1", 2), (["--owner", "w"], "owner:w", 3)],
)
def test_a_pause_with_waiting_work_is_a_finding(card, call, session, words, key, count):
    card("A", phase="M1")
    card("B", phase="M1")
    card("C")
    call("pause", *words, "--reason", "incident")
    found = findings(session)
    assert list(found) == [key]
    assert (found[key].kind, found[key].count, found[key].reason) == ("paused", count, "incident")
    assert follow(call, found[key].way_out).status == 0
    assert findings(session) == {}


def test_a_pause_that_holds_nothing_back_is_none(call, card, session):
    card("A")
    call("pause", "--phase", "M2", "--reason", "incident")
    assert findings(session) == {}


@pytest.mark.parametrize(
    ("key", "scope"),
    [
        ("phase:M1", ("--phase", "M1")),
        ("role:code", ("--role", "code")),
        ("review:M1", ("--phase", "M1", "--in-review")),
        ("fleet:None", ()),
    ],
)
def test_a_limit_of_nothing_is_a_finding_only_while_it_holds_work(card, call, session, key, scope):
    call("limit", *scope, "--max", "0")
    assert findings(session) == {}
    card("A", phase="M1", role="code")
    found = findings(session)[key]
    assert (found.kind, found.count) == ("limit", 1)
    assert follow(call, found.way_out).status == 0
    assert findings(session) == {}


def test_a_full_limit_is_a_finding_when_nobody_of_it_is_at_work(card, call, session):
    for card_id in "AB":
        card(card_id, phase="M1")
    call("limit", "--phase", "M1", "--max", "1")
    call("claim", "--owner", "w")
    assert findings(session) == {}
    session.execute("UPDATE backlog SET claimed_at = '2020-01-01Z' WHERE status = 'claimed'")
    assert findings(session)["phase:M1"].way_out == "backlog reclaim"


# Drift --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "damage",
    [
        "UPDATE backlog SET open_dependencies = 0 WHERE id = 'it''s'",
        "DELETE FROM backlog_dependency WHERE card_id = 'it''s'",
        "INSERT INTO backlog_dependency VALUES ('A', E'b\\\\c')",
        "UPDATE backlog SET has_dependents = false WHERE id = 'A'",
        "UPDATE backlog SET held = true, not_before = now() + interval '1 hour' WHERE id = 'A'",
        "UPDATE backlog SET status = 'claimed', claim_owner = 'w', claim_ttl_seconds = 60,"
        " claimed_at = now(), status_changed_at = now(), attempts = 1 WHERE id = 'A'",
    ],
)
def test_drift_is_found_and_its_way_out_repairs_it(card, session, past_triggers, command, damage):
    card("A")
    card("b\\c")
    card("it's", needs=["A"])
    past_triggers(damage)
    ways = [found.way_out for found in everything(session) if found.kind == "drift"]
    assert len(ways) == 1
    assert command(*shlex.split(ways[0])[1:]).status == 0
    assert findings(session) == {}


# At the command line ------------------------------------------------------------------------------


@pytest.mark.one_tier
def test_the_answer_is_one_object_with_one_finding_each(card, call):
    card("A", blocked=True, reason="transient")
    card("B", needs=["A"])
    ran = call("doctor", "--json")
    assert (ran.status, ran.out.count("\n")) == (1, 1)
    assert ran.json == {
        "ok": False,
        "findings": [
            {"kind": "blocked", "wayOut": "backlog unblock --id A", "id": "A",
             "reason": "transient", "count": 1, "holdsUp": 1},
            {"kind": "waiting", "wayOut": "backlog unblock --id A", "id": "B", "because": "A",
             "reason": "blocked"},
        ],
    }  # fmt: skip


@pytest.mark.one_tier
def test_people_get_a_line_a_finding(card, call):
    card("A", blocked=True, note="two\nlines")
    card("B", needs=["A"])
    assert call("doctor") == (
        1,
        "blocked\tA\tblocked: other: two lines\tbacklog unblock --id A\n"
        "waiting\tB\twaits for A, which is blocked\tbacklog unblock --id A\n",
        "",
    )


# In review ----------------------------------------------------------------------------------------


def test_what_is_in_review_is_found_only_when_that_takes_long(session, card, past_triggers, call):
    card("A", gated=True, claimed=True)
    card("B", needs=["A"])
    moves.complete(session, "A", "w", 1)
    assert findings(session) == {}
    past_triggers(
        "UPDATE backlog SET status_changed_at = now() - interval '25 hours' WHERE id = 'A'"
    )
    found = findings(session)["A"]
    assert (found.kind, found.count) == ("review", 1)
    assert "waits for 1 to pass" in found.message
    assert follow(call, found.way_out).out.startswith("A\tgated\t1 of 1 open\n")
    verify(session, "A", 1, True, "e", "r")
    assert follow(call, findings(session)["A"].way_out).status == 0
    assert findings(session) == {}
