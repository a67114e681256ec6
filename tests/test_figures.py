"""What a monitoring system is told of the cards and of what has happened to them."""

from decimal import Decimal

import pytest

from backlog.verbs import beside, cards, claims, figures, moves, rules, sweep
from backlog.verbs.figures import OTHERS
from backlog.verbs.runs import Report


@pytest.fixture
def told(session):
    """The samples of a figure: `told("backlog_cards")`."""
    return lambda name: {each.name: dict(each.samples) for each in figures.figures(session)}[name]


@pytest.fixture
def counted(told):
    """As `told`, once all that has happened until now is counted."""

    def read(name):
        told("backlog_cards")  # marks what there is, and the next look counts it
        return told(name)

    return read


def test_cards_are_told_by_phase_and_by_what_can_happen_to_them_next(told, card):
    card("A", phase="M1")
    card("B", needs=["A"], phase="M1")
    card("C", claimed=True)
    assert told("backlog_cards") == {("M1", "ready"): 1, ("M1", "waiting"): 1, ("", "claimed"): 1}


def test_the_phases_beyond_the_largest_are_one(told, card, monkeypatch):
    monkeypatch.setattr(figures, "MOST_PHASES", 1)
    for number, phase in enumerate(["M1", "M1", "M2", "M3"]):
        card(str(number), phase=phase)
    assert told("backlog_cards") == {("M1", "ready"): 2, (OTHERS, "ready"): 2}


def test_ages_and_leases_are_told_in_seconds(told, card, past_triggers):
    card("A", claimed=True)
    card("B")
    past_triggers(
        "UPDATE backlog SET created_at = now() - interval '1 hour'",
        "UPDATE backlog SET claim_expires_at = now() - interval '1 minute' WHERE id = 'A'",
    )
    assert told("backlog_oldest_card_seconds")["ready",] == pytest.approx(3600, abs=60)
    assert told("backlog_claims_expired") == {(): 1}
    assert told("backlog_claims_expired_seconds")[()] == pytest.approx(60, abs=30)
    assert told("backlog_workers") == {(): 1}


def test_what_is_blocked_and_what_is_ruled_is_told(told, session, card):
    card("A")
    moves.block(session, "A", reason="needs_input")
    rules.pause(session, "fleet", "", "lunch")
    assert told("backlog_blocked_cards") == {("needs_input",): 1}
    assert told("backlog_rules") == {("pause", "fleet"): 1}


@pytest.mark.usefixtures("claimed")
def test_events_and_runs_are_counted_once_also_after_they_are_forgotten(
    counted, session, past_triggers
):
    report = Report(tokens=7, cost=Decimal("0.5"))
    moves.complete(session, "A", "w", 1, report=report)
    before = counted("backlog_events")
    assert before == {("create",): 1, ("claim",): 1, ("complete",): 1}
    past_triggers("UPDATE backlog_event SET at = '2020-01-01'")
    past_triggers("UPDATE backlog_ended_run SET ended_at = '2020-01-01', started_at = '2020-01-01'")
    swept = sweep.sweep(session, retention_days=1)
    assert (swept.events, swept.runs) == (3, 1)
    assert counted("backlog_events") == before
    assert counted("backlog_run_tokens") == {("completed",): 7}
    assert counted("backlog_run_cost") == {("completed",): 0.5}


def test_what_comes_after_a_count_is_added_to_it(counted, session, card):
    for number in range(3):
        card(f"C{number}")
        (held,) = claims.claim(session, "w").cards
        moves.complete(session, held.id, "w", held.attempts)
        assert counted("backlog_runs") == {("completed",): number + 1}
    assert counted("backlog_events")["claim",] == 3


def test_what_is_committed_late_is_not_missed(counted, sessions, card):
    slow, quick = sessions(), sessions()
    card("Z")
    counted("backlog_events")
    with slow.transaction():
        cards.create(slow, "A", "A")  # it has the lower number
        cards.create(quick, "B", "B")
        assert counted("backlog_events") == {("create",): 1}, "not before the other has ended"
    assert counted("backlog_events") == {("create",): 3}


def test_looking_writes_nothing_where_nothing_happens(counted, session, card):
    card("A")
    for _ in range(2):
        counted("backlog_events")
    xmin = "SELECT xmin FROM backlog_kept WHERE name = 'tally'"
    before = session.execute(xmin).fetchone()
    counted("backlog_events")
    assert session.execute(xmin).fetchone() == before


@pytest.mark.one_tier
def test_an_app_adds_figures_of_its_own(told, monkeypatch):
    monkeypatch.setitem(beside.FIGURES, "fleet", "fleet.verbs.figures.figures")
    assert told("backlog_escalations_unanswered") == {(): 0}
    assert told("backlog_gate_silent_seconds") == {}
