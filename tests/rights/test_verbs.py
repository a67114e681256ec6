"""Who may do what: the table of roles and rights, and every verb that it is about."""

import re
from functools import partial

import pytest

from backlog.errors import NotAllowed
from backlog.verbs import claims, moves, rights, rules
from backlog.verbs.pool import Pool
from backlog.verbs.rights import Deed
from fleet import roles as library
from fleet.verbs import escalations, workers
from fleet.verbs import rights as enforced
from fleet.words import RIGHTS
from tests.cli import refused
from tests.command import PROJECT
from tests.factories import CardFactory
from tests.rights import ask
from tests.workers import Background

pytestmark = [pytest.mark.one_tier]

# As the contracts say it, in docs/fleet.md: a row for each right, a column for each role.
_DOC = PROJECT / "docs" / "fleet.md"
_ROWS = [
    [cell.strip(" `") for cell in line.strip("|").split("|")]
    for line in re.findall(r"^\| (?:right|`[a-z -]+`) .*\|$", _DOC.read_text(), re.M)
]
_HEAD, *_TABLE = [row for row in _ROWS if len(row) == 13]
CELLS = [
    (right, role, bool(cell))
    for right, *cells in _TABLE
    for role, cell in zip(_HEAD[1:], cells, strict=True)
]


# The table ---------------------------------------------------------------------------------------


def test_the_table_has_every_right_and_every_role():
    assert [row[0] for row in _TABLE] == list(RIGHTS)
    assert _HEAD[1:] == [each.name for each in library.roles()]


@pytest.mark.parametrize(("right", "role", "has"), CELLS, ids=[f"{a}-{b}" for a, b, _ in CELLS])
def test_a_role_may_what_the_table_says_and_is_told_who_else(right, role, has):
    if has:
        enforced.check("w", [role], [right], right)
        return
    with pytest.raises(NotAllowed) as refusal:
        enforced.check("w", [role], [right], right)
    who = [each for each in _HEAD[1:] if (right, each, True) in CELLS]
    said = re.fullmatch(rf"only (.+) may {right}; w is {role}", str(refusal.value))
    assert said is not None
    assert re.split(", | or ", said[1]) == who


# Each right where the backlog can see it ---------------------------------------------------------

FORCED = [
    ("release", "--id", "HELD"),
    ("reclaim", "--id", "HELD"),
    ("cancel", "--id", "HELD"),
    ("cancel", "--ids", "HELD,FREE"),
    ("block", "--id", "HELD"),
    ("complete", "--id", "HELD"),
]
DECIDE = ("decide", "--id", "FREE", "--verdict", "held", "--reason", "r")
SIGNAL = ("signal", "--id", "FREE", "--kind", "defect", "--text", "t", "--evidence", "e")
VERIFY = ("verify", "--id", "FREE", "--criterion", "1", "--pass", "--evidence", "e")
VERBS = [
    *[("operator", "review", words) for words in FORCED],
    ("operator", "code", ("pause", "--reason", "r")),
    ("operator", "merge-gate", ("resume",)),
    ("operator", "planner", ("limit", "--max", "3")),
    ("operator", "code", ("unlimit",)),
    ("operator", "code", ("unblock", "--id", "STUCK")),
    ("operator", "review", ("cancel", "--id", "FREE")),
    ("operator", "code", ("worker", "add", "x", "--roles", "code")),
    ("operator", "code", ("worker", "remove", "board")),
    ("operator", "code", ("gate", "--phase", "M1")),
    ("operator", "planner", ("budget", "--phase", "M1", "--tokens", "5")),
    ("operator", "code", ("drop", "--id", "FREE", "--reason", "r")),
    ("operator", "code", ("archive", "--id", "DONE")),
    ("operator", "code", ("repeat", "--id", "FREE", "--cron", "0 9 * * 1")),
    ("operator", "review", ("ack", "--escalation", "{escalation}", "--by", "{}")),
    ("operator", "review", ("resolve", "--escalation", "{escalation}", "--by", "{}")),
    ("merge-gate", "code", (*DECIDE, "--owner", "{}")),
    ("merge-gate", "operator", ("heartbeat", "--owner", "{}")),
    ("session-review", "code", (*SIGNAL, "--owner", "{}")),
    ("review", "code", (*VERIFY, "--by", "{}")),
    ("review", "planner", ("request-changes", "--id", "JUDGED", "--reason", "r", "--by", "{}")),
    ("decomposition", "operator", ("plan", "publish")),
    ("merge-gate", "code", ("reopen", "--id", "DONE")),
    ("merge-gate", "code", ("complete", "--id", "FREE")),
    ("decomposition", "operator", ("create", "--id", "NEW", "--title", "t")),
    ("decomposition", "code", ("edit", "--id", "FREE", "--title", "t")),
    ("decomposition", "planner", ("link", "--from", "FREE", "--to", "DONE")),
    ("decomposition", "planner", ("unlink", "--from", "FREE", "--to", "DONE")),
    ("decomposition", "code", ("delete", "--id", "FREE")),
    ("code", "decomposition", ("claim", "--owner", "{}")),
    ("code", "planner", ("claim", "--owner", "{}")),
    ("code", "planner", ("claim", "--owner", "{}", "--role", "code")),
    ("code", "review", ("claim", "--owner", "{}", "--id", "CODE")),
]


@pytest.mark.parametrize(
    ("who", "other", "words"),
    VERBS,
    ids=[f"{' '.join(words)}-{other}" for _, other, words in VERBS],
)
def test_a_verb_is_for_whom_it_is_for(fleet, session, call, card, monkeypatch, who, other, words):
    card("FREE")
    card("CODE", role="code")
    card("HELD", claimed=True, owner="somebody")
    card("DONE", done=True)
    card("STUCK", blocked=True)
    card("JUDGED", gated=True, claimed=True, owner="somebody")
    moves.complete(session, "JUDGED", "somebody")
    rules.limit(session, "fleet", "", 9)
    escalation = escalations.escalate(session, "r").id
    monkeypatch.setenv("LOGNAME", other)  # BACKLOG_OWNER would say whose claim it is about
    before = call("export", "--json").out
    ran = call(*(each.format(other, escalation=escalation) for each in words))
    assert (ran.status, call("export", "--json").out) == (1, before)
    said = re.fullmatch(rf"only (.+) may .+; {other} is {other}\n", ran.err)
    assert said is not None
    assert who in re.split(", | or ", said[1])
    monkeypatch.setenv("LOGNAME", who)
    assert call(*(each.format(who, escalation=escalation) for each in words)).status == 0


def test_whoever_holds_a_card_goes_on_with_it_whatever_they_are(fleet, call, card, monkeypatch):
    for card_id in ("A", "B", "C", "D"):
        card(card_id, gated=card_id == "D", claimed=True, owner="nobody")
    assert call("renew", "--id", "A", "--owner", "nobody").status == 0
    assert call("release", "--id", "A", "--owner", "nobody").status == 0
    assert call("block", "--id", "B", "--owner", "nobody").status == 0
    assert call("complete", "--ids", "C", "--owner", "nobody").status == 0
    monkeypatch.setenv("LOGNAME", "nobody")
    assert "in_review" in call("complete", "--id", "D", "--json").out


def test_what_is_gated_is_completed_by_the_merge_gate_alone(fleet, session, card):
    card("A", gated=True, claimed=True, owner="code")
    card("B", gated=True)
    for card_id in ("A", "B"):
        assert ask(session, "complete", "merge-gate", card_id) == rights.NOT_NARROWED
        for who in ("operator", "review"):
            with pytest.raises(NotAllowed, match=f"only merge-gate may complete {card_id}, which"):
                ask(session, "complete", who, card_id)


@pytest.mark.parametrize("words", [("edit", "--id", "A"), ("edit", "--ids", "A,B")])
def test_who_may_only_edit_takes_no_card_s_own_gate_away(fleet, call, card, monkeypatch, words):
    card("A", gated=True)
    card("B")
    words = (*words, "--gated", "off")
    monkeypatch.setenv("LOGNAME", "decomposition")
    said = "only operator may take away the gate of A; decomposition is decomposition\n"
    assert refused(call, 1, *words) == said
    assert call("edit", "--id", "B", "--gated", "off").status == 0
    monkeypatch.setenv("LOGNAME", "operator")
    assert call(*words).status == 0


def test_no_file_takes_away_the_gate_of_a_card_past_the_right_to(
    fleet, session, call, card, monkeypatch, tmp_path
):
    card("A", gated=True, role="code")
    workers.add(session, "both", ["planner", "decomposition"])
    monkeypatch.setenv("LOGNAME", "both")
    plan = tmp_path / "plan.yaml"
    plan.write_text("cards: [{id: A, gated: false}]")
    line = tmp_path / "line.json"
    line.write_text('{"id": "A", "gated": false}')
    for words in (("plan", "apply", str(plan)), ("import", "--update", str(line))):
        assert "only operator may take away the gate of A" in refused(call, 1, *words)
    plan.write_text("cards: [{id: A, gated: true, title: other}]")
    assert call("plan", "apply", str(plan)).status == 0


def test_nobody_claims_a_card_between_the_question_and_the_deed(fleet, session, sessions, card):
    card("A")
    with rights.allowed(session, Deed("cancel", "decomposition", ("A",))):
        claim = Background(sessions(), partial(claims.claim, owner="w", card_id="A"))
        assert claim.waits()
        moves.cancel(session, "A")
    assert claim.result() == ([], "empty")


def test_who_claims_without_a_role_gets_cards_for_their_roles_and_for_none(call, enforce, session):
    workers.add(session, "w", ["review", "planner"])
    for card_id, role in {"A": "code", "B": "planner", "C": None, "D": "review"}.items():
        CardFactory(session=session, id=card_id, role=role)
    claimed = [call("claim", "--owner", "w", "--json").json for _ in range(4)]
    assert [card and card["id"] for card in claimed] == ["B", "C", "D", None]
    CardFactory(session=session, id="E", role="review")
    words = ("complete", "--id", "B", "--owner", "w", "--claim-next", "--json")
    assert call(*words).json["claimed"]["id"] == "E"
    claims.claim(session, "w", pool=Pool(role="code"))
    assert "only code may claim" in refused(call, 1, *words[:-1], "--id", "A", "--role", "code")


def test_who_may_not_claim_cards_for_no_role_gets_none_by_naming_their_own(
    call, command, enforce, session
):
    workers.add(session, "w", ["planner"])
    for card_id, role in {"A": None, "B": "planner", "C": "planner"}.items():
        CardFactory(session=session, id=card_id, role=role)
    words = ("--owner", "w", "--role", "planner", "--json")
    assert call("claim", *words).json["id"] == "B"
    assert call("complete", "--id", "B", "--claim-next", *words).json["claimed"]["id"] == "C"
    call("complete", "--id", "C", "--owner", "w")
    assert call("claim", *words).json is None
    assert "what=claimed" not in command("work", *words[:4], "--drain", "--", "true").err
    assert "may claim cards for no role" in refused(call, 1, "claim", "--owner", "w", "--id", "A")


def test_a_worker_asks_before_it_starts(fleet, command, card, row):
    card("A", role="code")
    words = ("work", "--drain", "--json", "--owner")
    assert "may claim" in command(*words, "operator", "--", "true").err
    assert command(*words, "code", "--", "true").status == 0
    assert row("status") == ("done",)


def test_a_switch_that_is_neither_on_nor_off_is_wrong_usage(call, monkeypatch):
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "maybe")
    assert "BACKLOG_ENFORCE_ROLES must be on or off" in refused(call, 2, "pause", "--reason", "r")


def test_as_long_as_it_is_off_nothing_of_it_is_read(card, session, monkeypatch):
    card("A")
    monkeypatch.setenv("BACKLOG_ENFORCE_ROLES", "off")
    monkeypatch.setattr(enforced, "ask", pytest.fail)
    assert ask(session, "pause", "eve") == ask(session, "claim", "eve") == rights.NOT_NARROWED
