"""Budgets: what counts towards them, when they warn, and that claims stop when they are spent."""

from decimal import Decimal

import pytest

from backlog.errors import Busy, ClaimLost, NotFound, UsageError
from backlog.records import to_json
from backlog.verbs import batches, budgets, cards, claims, moves, pool, rules, transfer
from backlog.verbs.batches import Held
from backlog.verbs.doctor import everything
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report

pytestmark = pytest.mark.quick

HUNDRED = Report(tokens=100)


@pytest.fixture
def crowd(card):
    """Six cards of M1, and one of M2 that comes after them."""
    for number in range(6):
        card(f"A{number}", phase="M1", priority=9)
    card("B", phase="M2")


def spent(session):
    """What is spent of the first budget, and the state it is in."""
    found = budgets.budgets(session)[0]
    return found.spent_tokens, found.state


def finish(session, report=HUNDRED):
    """The next card of M1, claimed and finished with this report."""
    card = claims.claim(session, "w", pool=Pool("M1")).card
    moves.complete(session, card.id, "w", card.attempts, report=report)


def test_what_runs_took_so_far_counts_and_what_they_take_from_then_on(session, crowd):
    finish(session)
    budgets.budget(session, "M1", tokens=1000, cost="2.5")
    finish(session, Report(cost="0.5"))
    card = claims.claim(session, "w", pool=Pool("M1")).card
    moves.release(session, card.id, "w", 1, report=Report(tokens=1))
    (found,) = budgets.budgets(session)
    assert found[:6] == ("M1", 1000, Decimal("2.5"), 101, Decimal("0.5"), Decimal("0.2"))


def test_a_run_counts_once_however_often_or_late_it_is_told(session, crowd):
    budgets.budget(session, "M1", tokens=1000)
    claims.claim(session, "w", card_id="A0")
    for _ in range(2):
        moves.complete(session, "A0", report=HUNDRED)
    claims.claim(session, "w", card_id="A1")
    moves.reclaim_card(session, "A1")
    with pytest.raises(ClaimLost):
        moves.complete(session, "A1", "w", 1, report=HUNDRED)
    lines = [to_json(each).encode() for each in transfer.export_cards(session)]
    transfer.import_cards(session, lines, update=True)
    assert spent(session)[0] == 100


@pytest.mark.parametrize(
    ("took", "state"), [(799, "ok"), (800, "warning"), (999, "warning"), (1000, "spent")]
)
def test_a_budget_warns_from_four_fifths_on(session, crowd, took, state):
    budgets.budget(session, "M1", tokens=1000, cost="1000")
    finish(session, Report(tokens=took))
    assert spent(session) == (took, state)
    found = [each for each in everything(session) if each.kind == "budget"]
    assert [each.count for each in found] == ([] if state == "ok" else [5])


def test_claims_stop_when_it_is_spent_and_go_on_when_it_is_raised(session, crowd):
    budgets.budget(session, "M1", tokens=100)
    finish(session)
    assert claims.claim(session, "w", pool=Pool("M1")) == ([], "budget")
    assert claims.claim(session, "w", card_id="A1") == ([], "budget")
    assert [card.id for card in claims.claim(session, "w", count=9).cards] == ["B"]
    assert [each.phase for each in pool.explain(session, "A1").spent] == ["M1"]
    budgets.budget(session, "M1", tokens=101)
    assert claims.claim(session, "w", card_id="A1").card.id == "A1"


def test_what_is_claimed_goes_on_when_it_is_spent(session, crowd):
    budgets.budget(session, "M1", cost="0.5")
    claims.claim(session, "w", count=2)
    moves.complete(session, "A0", report=Report(cost="0.5"))
    assert moves.renew(session, "A1", "w", 1).status == "claimed"
    assert moves.complete(session, "A1", "w", 1).status == "done"


def test_a_pause_is_said_before_a_budget_and_that_before_a_limit(session, crowd):
    budgets.budget(session, "M1", tokens=0)
    rules.limit(session, "phase", "M1", 0)
    assert claims.claim(session, "w", pool=Pool("M1")).why == "budget"
    rules.pause(session, "phase", "M1", "lunch")
    assert claims.claim(session, "w", pool=Pool("M1")).why == "paused"


def test_who_spends_it_claims_no_other_card_with_that_completion(session, crowd):
    budgets.budget(session, "M1", tokens=200)
    for expected in (["A1"], []):
        card = next(cards.list_cards(session, "claimed"), None)
        card = card or claims.claim(session, "w", pool=Pool("M1")).card
        how = {"pool": Pool("M1"), "report": HUNDRED}
        _, taken = claims.complete_and_claim(session, card.id, "w", 1, **how)
        assert [each.id for each in taken.cards] == expected
    assert taken.why == "budget"


@pytest.mark.parametrize("count", [1, 2])
def test_a_batch_that_spends_it_claims_no_more(session, crowd, count):
    budgets.budget(session, "M1", tokens=100 * count)
    claims.claim(session, "w", count=count)
    held = [Held(f"A{number}", 1, HUNDRED) for number in range(count)]
    _, taken = batches.complete_many_and_claim(session, held, "w", 5, pool=Pool("M1"))
    assert taken == ([], "budget")


def test_where_nothing_is_told_the_next_card_comes_in_the_same_statement(session, crowd):
    budgets.budget(session, "M1", tokens=200)
    claims.claim(session, "w")
    done, taken = claims.complete_and_claim(session, "A0", "w", 1)
    written = "SELECT count(DISTINCT xmin::text) FROM backlog WHERE id IN ('A0', 'A1')"
    assert session.execute(written).fetchone() == (1,)
    assert (done.status, taken.card.id) == ("done", "A1")


def test_what_is_not_given_stays_and_the_last_bound_is_not_taken_away(session, crowd):
    budgets.budget(session, "M1", tokens=1000)
    finish(session)
    assert budgets.budget(session, "M1", cost="1")[1:4] == (1000, 1, 100)
    assert budgets.budget(session, "M1", tokens=None)[1:4] == (None, 1, 100)
    with pytest.raises(UsageError, match="of tokens, of cost, or of both"):
        budgets.budget(session, "M1", cost=None)


def test_a_run_that_is_ending_is_waited_for_and_told_who_cannot_wait(
    session, other, crowd, monkeypatch
):
    monkeypatch.setattr(budgets, "_TO_WAIT", "50ms")
    with other.transaction():
        moves.complete(other, "A0", report=HUNDRED)
        with pytest.raises(Busy, match="try again"):
            budgets.budget(session, "M1", tokens=1000)
    budgets.budget(session, "M1", tokens=1000)
    assert spent(session) == (100, "ok")


def test_without_it_nothing_stops_claims_and_another_is_not_there(session, crowd):
    budgets.budget(session, "M1", tokens=0)
    assert budgets.unbudget(session, " M1 ") == "M1"
    assert claims.claim(session, "w").card.id == "A0"
    with pytest.raises(NotFound, match="no budget of phase M1"):
        budgets.unbudget(session, "M1")


@pytest.mark.one_tier
def test_the_command_says_what_is_spent_and_by_its_exit_status(call, crowd):
    assert call("budgets") == (0, "(no budgets)\n", "")
    made = call("budget", "--phase", "M1", "--tokens", "100", "--json").json
    assert (made["share"], made["state"], call("budgets").status) == (0, "ok", 0)
    call("complete", "--id", "A0", "--tokens", "100", "--cost", "0.25")
    assert call("budgets").status == 8
    assert call("budgets").out.startswith("budget: phase M1\tspent 100%\t100 of 100 tokens\t")
    assert call("claim", "--owner", "w", "--phase", "M1", "--exit-code").status == 8
    assert (
        "its budget is spent: phase M1 (100 of 100 tokens)\n" in call("explain", "--id", "A1").out
    )
    assert call("explain", "--id", "A1", "--json").json["spent"] == ["phase M1 (100 of 100 tokens)"]


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "words",
    [
        ("budget", "--phase", "M1"),
        ("budget", "--tokens", "1"),
        ("budget", "--phase", " ", "--tokens", "1"),
        ("budget", "--phase", "M1", "--tokens", "-1"),
        ("budget", "--phase", "M1", "--tokens", str(2**63)),
        ("budget", "--phase", "M1", "--cost", "1e3"),
        ("budget", "--phase", "M1", "--cost", ""),
        ("unbudget",),
        ("stats", "--phase", "M1"),
    ],
)
def test_what_is_no_budget_is_wrong_usage_and_sets_none(words, call, store):
    assert call(*words).status == 2
    assert call("budgets").out == "(no budgets)\n"
