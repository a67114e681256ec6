"""Tokens and cost by phase, as workers have said them."""

from decimal import Decimal

import pytest

from backlog.verbs import moves
from backlog.verbs.flow import SPANS, flow, spending
from backlog.verbs.runs import Report
from backlog.verbs.sweep import look
from tests.factories import CardFactory

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.quick]


@pytest.fixture(autouse=True)
def runs(store, transactional_db, session):
    for card_id, phase, tokens, cost in (
        ("A", "M1", 1000, "0.25"),
        ("B", "M1", 500, None),
        ("C", "M2", None, "0.5"),
        ("D", None, None, None),
    ):
        CardFactory(session=session, id=card_id, phase=phase)
        moves.complete(session, card_id, report=Report(tokens=tokens, cost=cost))


def test_what_runs_took_is_summed_by_phase_the_dearest_first(session):
    assert spending(session, SPANS["7d"]) == [
        ("M2", 1, None, Decimal("0.5")),
        ("M1", 2, 1500, Decimal("0.25")),
        (None, 1, None, None),
    ]


def test_what_ended_before_the_span_is_left_out(session, past_triggers):
    past_triggers("UPDATE backlog_ended_run SET ended_at = ended_at - interval '8 days'")
    assert (spending(session, SPANS["7d"]), len(spending(session, SPANS["30d"]))) == ([], 3)


def test_the_fleet_shows_it(admin_client):
    page = admin_client.get("/fleet/").text
    assert "What runs took, by phase" in page
    assert "1,500" in page


def test_of_a_large_backlog_the_flow_is_as_a_sweep_saw_it(admin_client, session, monkeypatch):
    now = flow(session, "7d")
    monkeypatch.setattr("backlog.verbs.kept.SMALL", 0)
    session.execute("ANALYZE backlog")
    assert "Nobody has counted of late" in admin_client.get("/fleet/").text
    look(session)
    assert flow(session, "7d")[:2] + flow(session, "7d")[3:4] == now[:2] + now[3:4]
    assert [each.number for each in flow(session, "7d").times] == [
        each.number for each in now.times
    ]
    assert "As of <time" in admin_client.get("/fleet/").text
