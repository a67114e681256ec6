"""Tokens and cost by phase, as workers have said them."""

from decimal import Decimal

import pytest

from backlog.verbs import cards, claims, moves, spend
from backlog.verbs.flow import SPANS, flow, spending
from backlog.verbs.runs import Report
from backlog.verbs.sweep import look
from tests.factories import CardFactory

pytestmark = pytest.mark.django_db(transaction=True)


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


# What was projected, beside what was taken -------------------------------------------------------


@pytest.fixture
def projected(session):
    """A and B as they are above, and two cards that are not done, each with a projection."""
    for card_id, tokens, cost in (("A", 900, "0.25"), ("B", None, "0.125")):
        cards.edit(session, card_id, projected_tokens=tokens, projected_cost=cost)
    CardFactory(session=session, id="E", phase="M1", role="code", projected_tokens=50)
    CardFactory(session=session, id="F", phase="M2", projected_tokens=70, claimed=True)
    claims.claim(session, "v", card_id="E")
    moves.release(session, "E", "v", 1, report=Report(tokens=5))


def test_projection_and_what_was_taken_are_summed_by_phase_and_role(session, projected):
    found = spend.spending(session)
    assert found.phases == {
        "M1": (950, Decimal("0.375"), 50, None, 1505, Decimal("0.25"), 555, Decimal("-0.125")),
        "M2": (70, None, 70, None, None, Decimal("0.5"), None, None),
    }
    assert [*found.roles] == ["code", None]
    assert found.roles["code"] == (50, None, 50, None, 5, None, -45, None)
    assert found.total[:2] == (1020, Decimal("0.375"))


def test_a_worker_s_projection_is_of_what_it_holds_and_of_what_is_done_by_it(session, projected):
    CardFactory(session=session, id="G", phase="M3", projected_tokens=7, claimed=True, owner="v")
    moves.complete(session, "G", "v", 1, report=Report(tokens=8))
    found = spend.spending(session).owners
    assert found["v"] == (7, None, None, None, 13, None, 6, None)
    assert found["w"][:4] == (70, None, 70, None)
    assert found[None][:3] == (950, Decimal("0.375"), 50)


def test_the_command_sums_a_phase_and_without_spend_says_what_it_said(call, projected):
    found = call("stats", "--spend", "--phase", "M1", "--json").json
    assert [each["phase"] for each in found["phases"]] == ["M1"]
    keys = ["projectedTokens", "projectedCost", "unfinishedTokens", "unfinishedCost"]
    keys += ["tokens", "cost", "differenceTokens", "differenceCost"]
    assert [*found["total"]] == keys
    assert found["total"]["tokens"] == 1505
    assert call("stats", "--spend").out.endswith(
        "total\tprojected: tokens=1020 cost=0.375\tunfinished: tokens=120 cost=-"
        "\ttook: tokens=1505 cost=0.75\tdifference: tokens=485 cost=0.375\n"
    )
    assert "counts" in call("stats", "--json").json
