"""The gate: its decisions on record, held while paused, and that it is heard of."""

import pytest
from psycopg.errors import CheckViolation

from backlog.errors import NotFound, UsageError
from backlog.lifecycle import LONGEST_TEXT
from backlog.models import Card
from backlog.verbs import cards, rules
from backlog.verbs.history import history
from fleet.verbs import gate, signals
from tests.factories import CardFactory

pytestmark = pytest.mark.quick


@pytest.fixture
def silence(session):
    """Makes the last heartbeat an hour old."""
    return lambda: session.execute("UPDATE fleet_heartbeat SET at = now() - '1 h'::interval")


def _kinds(call) -> list[str]:
    return [each["kind"] for each in call("doctor", "--json").json["findings"]]


def test_a_decision_is_an_event_and_a_heartbeat_and_leaves_the_card_as_it_is(session, card):
    before = card("A")
    decided, paused = gate.decide(session, "A", "merged", "green", "4f2a9c1", "gate-1")
    assert (decided.verdict, decided.commit, paused) == ("merged", "4f2a9c1", None)
    last = history(session, "A")[-1]
    assert (last.actor, last.verb, last.note) == ("gate-1", "decide", "merged at 4f2a9c1: green")
    assert gate.heard(session) == ("gate-1", decided.at)
    assert cards.show(session, "A") == before


@pytest.mark.parametrize(("scope", "name"), [("fleet", ""), ("phase", "M1")])
def test_nothing_merges_while_paused_and_the_answer_says_so(call, card, scope, name, session):
    card("A", phase="M1")
    rules.pause(session, scope, name, "freeze")
    words = ("decide", "--id", "A", "--reason", "green", "--owner", "gate-1", "--verdict")
    ran = call(*words, "merged", "--json")
    pause = f"{scope} {name}".strip()
    assert (ran.status, ran.err) == (6, f"held, not merged: {pause} is paused\n")
    assert ran.json["verdict"] == "held"
    assert ran.json["reason"] == f"paused ({pause}: freeze); was to be merged: green"
    assert "[rejected]" in call(*words, "rejected").out


def test_a_pause_of_others_holds_nothing(session, card):
    card("A", phase="M1")
    card("B")
    for scope, name in (("phase", "M2"), ("owner", "gate-1")):
        rules.pause(session, scope, name, "freeze")
    for card_id in ("A", "B"):
        assert gate.decide(session, card_id, "merged", "green", None, "gate-1")[1] is None


@pytest.mark.parametrize(
    ("given", "refused", "said"),
    [
        (("nope", "merged", "green"), NotFound, "there is no card nope"),
        (("A", "maybe", "green"), UsageError, "verdict must be one of merged, held, rejected"),
        (("A", "held", " "), UsageError, "reason must not be blank"),
        (("A", "held", "x" * LONGEST_TEXT), UsageError, "reason must have at most"),
        (("A", "held", "x", "c" * 501), UsageError, "commit must have at most 500"),
    ],
)
def test_what_is_no_decision_is_refused(session, card, given, refused, said):
    card("A")
    with pytest.raises(refused, match=said):
        gate.decide(session, *given)
    assert (list(gate.decisions(session)), gate.heard(session)) == ([], None)


@pytest.mark.one_tier
def test_decisions_are_listed_oldest_first(call, session, card):
    for card_id in ("A", "B"):
        card(card_id)
        for reason in ("first", "second"):
            gate.decide(session, card_id, "held", reason)
    found = call("decisions", "--id", "A", "--json").json
    assert [each["reason"] for each in found] == ["first", "second"]
    assert [line[:1] for line in call("decisions", "--limit", "3").out.splitlines()] == list("ABB")


@pytest.mark.one_tier
def test_a_gate_that_is_silent_for_too_long_is_found_until_it_is_heard_or_forgotten(call, silence):
    assert _kinds(call) == []
    for back in ([], ["--off"]):
        call("heartbeat", "--owner", "gate-1")
        assert _kinds(call) == []
        silence()
        assert _kinds(call) == ["gate"]
        assert call("heartbeat", "--owner", "gate-1", *back).status == 0
        assert _kinds(call) == []
    assert call("heartbeat", "--owner", "gate-1", "--off").status == 1


@pytest.mark.one_tier
@pytest.mark.django_db(transaction=True)
def test_the_pages_show_when_the_gate_was_heard_of(admin_client, store, silence):
    CardFactory(id="A")
    shown = '<section id="gate"'
    assert "hidden" in admin_client.get("/").text.partition(shown)[2].partition(">")[0]
    gate.decide(Card.objects.session(), "A", "rejected", "two failures", "4f2a9c1", "gate-1")
    part = admin_client.get("/").text.partition(shown)[2].partition("</section>")[0]
    assert ("/worker/gate-1/" in part, 'class="late"' in part) == (True, False)
    assert "two failures" in admin_client.get("/card/A/").text
    silence()
    assert 'class="late"' in admin_client.get("/").text
    assert "Gate not heard of" in admin_client.get("/doctor/").text


@pytest.mark.one_tier
@pytest.mark.parametrize("what", ["decision", "signal"])
@pytest.mark.parametrize("sql", ["UPDATE {} SET actor = 'x'", "DELETE FROM {}", "TRUNCATE {}"])
def test_what_was_said_is_never_changed(session, card, what, sql):
    card("A")
    gate.decide(session, "A", "held", "r")
    signals.signal(session, "A", "defect", "t", "e", "w")
    with pytest.raises(CheckViolation, match=f"{what}s are never changed"):
        session.execute(sql.format(f"fleet_{what}"))
