"""Gated phases: their cards wait for verdicts, those that are there and those that come."""

import pytest
from psycopg.errors import CheckViolation

from backlog.errors import NotFound, WrongState
from backlog.verbs import cards, claims, gates, moves
from backlog.verbs.transfer import import_cards
from tests.workers import Background

pytestmark = pytest.mark.quick


def gated(session):
    return [each.id for each in cards.list_cards(session) if each.gated]


def test_a_gate_is_about_the_cards_of_its_phase_that_are_not_done(session, card):
    card("A", phase="M1")
    card("B", phase="M1", claimed=True)
    card("C", phase="M1", done=True)
    card("D", phase="M2")
    made = gates.gate(session, "M1")
    assert (made.phase, made.cards, made.in_review) == ("M1", 2, 0)
    assert gated(session) == ["A", "B"]


def test_what_comes_into_the_phase_later_is_gated(session, card):
    gates.gate(session, "M1")
    card("A", phase="M1")
    card("B", phase="M2")
    cards.edit(session, "B", phase="M1")
    assert gated(session) == ["A", "B"]


def test_what_is_coming_into_the_phase_at_this_moment_is_gated(session, other, card):
    with other.transaction():
        cards.create(other, "A", "t", phase="M1")
        gating = Background(session, gates.gate, "M1")
        assert gating.waits()
    assert gating.result().cards == 1
    assert gated(session) == ["A"]


def test_without_its_gate_what_is_in_review_can_be_completed(session, card):
    gates.gate(session, "M1")
    card("A", phase="M1", claimed=True)
    card("B", phase="M1")
    moves.complete(session, "A", "w", 1)
    assert gates.gates(session)[0][1:3] == (2, 1)
    assert gates.ungate(session, "M1") == ("M1", 2, 1)
    assert gated(session) == []
    assert moves.complete(session, "A").status == "done"
    with pytest.raises(NotFound, match="phase M1 is not gated"):
        gates.ungate(session, "M1")


def test_a_card_that_is_gated_by_itself_stays_so_without_the_gate_of_its_phase(session, card):
    card("A", phase="M1", gated=True)
    card("B", phase="M1")
    card("C", phase="M2")
    gates.gate(session, "M1")
    card("D", phase="M1", gated=True)
    cards.edit(session, "B", gated=True)
    cards.edit(session, "C", phase="M1", gated=True)
    card("E", phase="M1")
    assert gates.ungate(session, "M1").cards == 1
    assert gated(session) == ["A", "B", "C", "D"]
    assert cards.edit(session, "A", gated=False).gated is False


def test_what_leaves_a_gated_phase_keeps_the_gate_as_its_own(session, card):
    card("A", phase="M1")
    for phase in ("M1", "M2"):
        gates.gate(session, phase)
    cards.edit(session, "A", phase="M2")  # from gate to gate: none of its own
    cards.edit(session, "A", phase="M3")
    gates.gate(session, "M3")
    gates.ungate(session, "M3")
    assert gated(session) == ["A"]


def test_what_was_done_under_the_gate_of_its_phase_is_reopened_without_it(session, card):
    for card_id in "AB":
        card(card_id, phase="M1", gated=card_id == "B", claimed=True)
    gates.gate(session, "M1")
    session.execute("UPDATE backlog SET status = 'done', resolution = 'dropped'")
    gates.ungate(session, "M1")
    for card_id in "AB":
        moves.reopen(session, card_id)
    assert gated(session) == ["B"]


def test_a_gate_keeps_nobody_from_claiming_by_one_statement(session, card):
    gates.gate(session, "M1")
    assert session.execute(f"SELECT {claims.GATE}").fetchone() == (True,)


@pytest.mark.one_tier
def test_the_command_gates_and_says_how_many(call, card):
    card("A", phase="M1")
    ran = call("gate", "--phase", "M1")
    assert ran.out.startswith("gate: phase M1\t1 gated, 0 in review\t")
    assert call("gate", "--phase", "M11").err.endswith("did you mean M1?\n")
    shown = call("gates", "--json").json[0]
    assert [shown[key] for key in ("phase", "cards", "inReview")] == ["M1", 1, 0]
    assert shown.keys() == {"phase", "cards", "inReview", "actor", "since"}
    ended = call("ungate", "--phase", "M1", "--json").json
    assert ended == {"phase": "M1", "cards": 1, "inReview": 0}
    assert call("ungate", "--phase", "M1").err == "phase M1 is not gated\n"


def test_what_was_done_before_the_gate_is_gated_once_it_is_reopened(session, card):
    for card_id in "AB":
        card(card_id, phase="M1", done=True)
    gates.gate(session, "M1")
    moves.reopen(session, "A")
    session.execute(
        "UPDATE backlog SET status = 'claimed', claim_owner = 'w', claim_ttl_seconds = 9,"
        " claimed_at = now() WHERE id = 'B'"
    )
    assert gated(session) == ["A", "B"]


def test_no_card_of_the_phase_loses_its_gate_alone(session, card):
    card("A", phase="M1", gated=True)
    gates.gate(session, "M1")
    with pytest.raises(WrongState, match="A is gated by its phase M1: ungate that"):
        cards.edit(session, "A", gated=False)
    with pytest.raises(CheckViolation, match="cannot complete A"):
        session.execute("UPDATE backlog SET gated = false, status = 'done'")
    gates.ungate(session, "M1")
    assert not cards.edit(session, "A", gated=False).gated


def test_a_line_does_not_take_a_card_past_the_gate_of_its_phase(session, card):
    card("A", phase="M1")
    gates.gate(session, "M1")
    for line in (b'{"id": "A", "gated": false}', b'{"id": "A", "phase": "M1", "gated": false}'):
        assert import_cards(session, [line], update=True).unchanged == 1
    assert gated(session) == ["A"]


def test_what_was_done_elsewhere_does_not_come_into_a_gated_phase_as_done(session):
    gates.gate(session, "M1")
    line = b'{"id": "A", "title": "t", "phase": "M1", "status": "done"%s}'
    with pytest.raises(CheckViolation, match="bring it as ready, or ungate the phase"):
        import_cards(session, [line % b""])
    import_cards(session, [line % b', "resolution": "dropped"'])
    assert gated(session) == ["A"]


def test_a_gate_of_a_name_that_no_card_has_any_more_is_removed(session):
    session.execute("INSERT INTO backlog (id, title, phase) VALUES ('A', 't', ' odd ')")
    gates.gate(session, " odd ")
    cards.edit(session, "A", phase="M1")
    gates.ungate(session, " odd ")
    assert gates.gates(session) == []
