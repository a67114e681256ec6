"""What holds claims back: time, pauses, limits; and what a claim may ask for."""

import time
from contextlib import suppress
from functools import partial

import pytest

from backlog.errors import ClaimLost, UsageError
from backlog.verbs import cards, claims, moves, pool, rules
from backlog.verbs.pool import Pool
from tests.workers import Background


def taken(session, owner="w", pool=pool.ANY_CARD, count=1):
    got = claims.claim(session, owner, 60, pool, count)
    return [card.id for card in got.cards] or got.why


def wait_until_due(session):
    """Let the database's clock come to the time until which A is held back."""
    session.execute("SELECT pg_sleep_until(not_before) FROM backlog WHERE id = 'A'")


# Until a time --------------------------------------------------------------------------------


def test_a_card_given_back_with_a_delay_is_not_claimed_before(session, claimed):
    moves.release(session, "A", delay=3600)
    assert taken(session) == "empty"
    assert pool.explain(session, "A").not_before is not None


def test_a_due_card_goes_before_what_could_be_claimed_all_along(session, card):
    card("A", priority=9, claimed=True)
    card("B")
    moves.release(session, "A", delay=1)
    wait_until_due(session)
    assert [card.id for card in cards.list_cards(session, ready_only=True)] == ["A", "B"]
    assert taken(session) == ["A"]


def test_a_due_card_that_somebody_locks_holds_nobody_up(session, other, card):
    card("A", priority=9, claimed=True)
    card("B")
    moves.release(session, "A", delay=0)
    with other.transaction():
        other.execute("SELECT FROM backlog WHERE id = 'A' FOR UPDATE")
        assert taken(session) == ["B"]


def test_a_time_set_by_hand_holds_back_and_cleared_lets_go(call, card):
    card("A")
    call("edit", "--id", "A", "--not-before", "2999-01-01T00:00:00Z")
    assert call("claim", "--owner", "w", "--id", "A", "--json").out == "null\n"
    call("edit", "--id", "A", "--not-before", "")
    assert call("claim", "--owner", "w", "--json").json["notBefore"] is None


def test_a_claim_forgets_the_time_it_was_held_back_until(session, claimed):
    moves.release(session, "A", delay=0)
    assert claims.claim(session, "w", card_id="A").card.not_before is None


def test_waking_is_no_change_of_the_card(session, claimed):
    before = moves.release(session, "A", delay=1)
    wait_until_due(session)
    assert pool.wake(session) == 1
    assert cards.show(session, "A") == before._replace(held=False, claimable=True)


HOLDS = "SELECT name FROM backlog_rule WHERE kind = 'hold'"


@pytest.mark.parametrize(
    "undo",
    [
        "UPDATE backlog SET not_before = NULL WHERE id = 'A'",
        "UPDATE backlog SET status = 'done' WHERE id = 'A'",
        "DELETE FROM backlog WHERE id = 'A'",
        "TRUNCATE backlog",
    ],
)
def test_a_hold_that_is_needed_no_longer_stops_nothing_and_is_forgotten(undo, session, card):
    card("A")
    session.execute("UPDATE backlog SET not_before = clock_timestamp() + interval '1 s'")
    (due,) = session.execute("SELECT not_before FROM backlog").fetchone()
    session.execute(undo)
    card("B", priority=9)
    session.execute("SELECT pg_sleep_until(%s)", (due,))
    assert claims.claim(session, "w").card.id == "B"
    pool.wake(session)
    assert session.execute(HOLDS).fetchall() == []


@pytest.fixture
def due(session, card):
    """A held card A whose time has come."""
    card("A")
    session.execute("UPDATE backlog SET not_before = clock_timestamp() + interval '1 s'")
    wait_until_due(session)


def test_a_card_that_is_locked_when_it_is_due_is_let_go_later(session, other, due):
    with other.transaction():
        other.execute("SELECT FROM backlog FOR UPDATE")
        assert pool.wake(session) == 0
    assert session.execute(HOLDS).fetchall() == [("A",)]
    assert claims.claim(session, "w").card.id == "A"
    assert session.execute(HOLDS).fetchall() == []


def test_a_card_held_again_while_others_let_go_is_let_go_when_it_is_due(session, other, due):
    """The one who holds it has not committed yet when the others look."""
    with other.transaction():
        other.execute("UPDATE backlog SET not_before = clock_timestamp() + interval '0.5 s'")
        assert pool.wake(session) == 0
    assert claims.claim(session, "w").card is None
    wait_until_due(session)
    assert claims.claim(session, "w").card.id == "A"


# Pauses ----------------------------------------------------------------------------------------

PAUSES = [("fleet", ""), ("phase", "M1"), ("owner", "w")]


@pytest.mark.parametrize("scope", PAUSES, ids=[scope for scope, _ in PAUSES])
def test_a_pause_stops_claims_and_resume_lets_them_go_on(scope, session, card):
    card("A", phase="M1")
    rules.pause(session, *scope, "lunch")
    assert taken(session) == "paused"
    assert claims.claim(session, "w", card_id="A") == ([], "paused")
    rules.resume(session, *scope)
    assert taken(session) == ["A"]


def test_a_pause_of_another_scope_stops_nothing(session, card):
    card("A", phase="M1")
    rules.pause(session, "phase", "M2", "lunch")
    rules.pause(session, "owner", "v", "lunch")
    assert taken(session) == ["A"]


def test_work_in_other_phases_goes_on_past_a_paused_one(session, card):
    card("A", phase="M1", priority=9)
    card("B")
    rules.pause(session, "phase", "M1", "lunch")
    assert taken(session) == ["B"]
    assert taken(session) == "paused"


def test_running_work_goes_on_while_all_is_paused(session, claimed):
    rules.pause(session, "fleet", "", "lunch")
    assert moves.renew(session, "A", "w", 1).status == "claimed"
    assert moves.complete(session, "A", "w", 1).status == "done"


@pytest.mark.one_tier
def test_who_paused_is_told_and_is_not_the_one_to_pause(call, monkeypatch):
    monkeypatch.setenv("BACKLOG_OWNER", "olga")
    call("pause", "--reason", "lunch")
    (pause,) = call("paused", "--json").json
    told = (pause["scope"], pause["name"], pause["actor"], pause["reason"])
    assert told == ("fleet", "", "olga", "lunch")


@pytest.mark.one_tier
def test_a_merge_gate_reads_the_exit_status_and_fails_closed(call):
    assert call("paused").status == 0
    call("pause", "--phase", "M1", "--reason", "freeze")
    assert [call("paused").status, call("paused", "--phase", "M1").status] == [6, 6]
    assert call("paused", "--phase", "M2").status == 0


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "words",
    [
        ("pause", "--reason", " "),
        ("pause", "--phase", "", "--reason", "r"),
        ("pause", "--owner", " ", "--reason", "r"),
        ("pause", "--phase", "M1", "--owner", "w", "--reason", "r"),
        ("resume", "--phase", ""),
        ("limit",),
        ("limit", "--in-review", "--max", "1"),
        ("limit", "--phase", "M1", "--in-review", "--role", "code", "--max", "1"),
        ("limit", "--phase", "M1", "--role", "code", "--max", "1"),
        ("limit", "--phase", "M1", "--max", "-1"),
        ("limit", "--phase", "", "--max", "1"),
        ("unlimit", "--in-review"),
    ],
)
def test_a_blank_or_double_scope_is_refused_and_nothing_is_held(words, call):
    assert call(*words).status == 2
    assert call("paused").status == 0
    assert call("limits").out == "(no limits)\n"


# Limits ------------------------------------------------------------------------------------------


def test_a_limit_of_a_phase_caps_its_claims_and_no_others(session, card):
    for n in range(3):
        card(f"A{n}", phase="M1", priority=9)
    card("B")
    rules.limit(session, "phase", "M1", 2)
    assert [taken(session) for _ in range(4)] == [["A0"], ["A1"], ["B"], "limit"]


def test_a_limit_of_an_owner_caps_that_owner(session, card):
    card("A")
    card("B")
    rules.limit(session, "owner", "w", 1)
    assert [taken(session, owner) for owner in "wwv"] == [["A"], "limit", ["B"]]


def test_a_limit_of_the_fleet_caps_all_of_it(session, card):
    for n in range(3):
        card(f"A{n}", phase="M1" if n else None)
    rules.limit(session, "fleet", "", 2)
    assert taken(session, "v", count=3) == ["A0", "A1"]
    assert taken(session, "w") == "limit"
    assert claims.claim(session, "w", card_id="A2") == ([], "limit")


def test_a_limit_of_a_role_caps_its_claims_and_no_others(session, card):
    for n in range(2):
        card(f"A{n}", role="code", priority=9)
    card("B", role="review")
    card("C")
    rules.limit(session, "role", "code", 1)
    assert [taken(session) for _ in range(4)] == [["A0"], ["B"], ["C"], "limit"]
    assert claims.claim(session, "w", card_id="A1") == ([], "limit")
    assert taken(session, pool=Pool(role="review")) == "empty"
    assert [str(each) for each in pool.explain(session, "A1").limits] == ["role code"]


def test_nothing_of_a_phase_is_claimed_while_as_much_of_it_is_in_review(session, card):
    for n in range(3):
        card(f"A{n}", phase="M1", gated=True)
    card("B")
    rules.limit(session, "review", "M1", 1)
    assert taken(session, "w", count=2) == ["A0", "A1"]  # they are at work, none is in review
    moves.complete(session, "A0", "w")
    assert [taken(session, "v"), taken(session, "v")] == [["B"], "limit"]
    assert claims.claim(session, "v", card_id="A2") == ([], "limit")
    assert [str(each) for each in pool.explain(session, "A2").limits] == ["review M1"]
    moves.unblock(session, "A0")
    assert taken(session, "v") == ["A0"]


@pytest.mark.one_tier
def test_limits_are_told_each_with_what_is_used_of_it(call, card):
    card("A", phase="M1", role="code", claimed=True)
    for scope in ((), ("--role", "code"), ("--phase", "M1", "--in-review")):
        call("limit", *scope, "--max", "3")
    said = [line.split("\t")[:2] for line in call("limits").out.splitlines()]
    assert said == [
        ["limit: fleet", "1 of 3"],
        ["limit: review M1", "0 of 3"],
        ["limit: role code", "1 of 3"],
    ]
    assert call("unlimit").out == "no limit: fleet\n"
    assert call("unlimit").err == "there is no limit on the fleet\n"


def test_a_slot_that_is_free_again_is_used(session, card):
    card("A", phase="M1")
    card("B", phase="M1")
    rules.limit(session, "phase", "M1", 1)
    claims.claim(session, "w")
    assert claims.claim(session, "w", card_id="B") == ([], "limit")
    moves.complete(session, "A")
    assert claims.claim(session, "w", card_id="B").card.id == "B"


def test_several_at_once_stay_within_the_limits(session, card):
    for n in range(6):
        card(f"A{n}", phase="M1" if n < 4 else "M2")
    rules.limit(session, "phase", "M1", 2)
    rules.limit(session, "owner", "w", 3)
    assert taken(session, count=6) == ["A0", "A1", "A4"]


def test_a_limit_counts_what_another_claim_took_a_moment_ago(session, other, card):
    card("A", phase="M1")
    card("B", phase="M1")
    rules.limit(session, "phase", "M1", 1)
    with other.transaction():
        assert taken(other) == ["A"]
        claim = Background(session, claims.claim, "v")
        assert claim.waits()
    assert claim.result() == ([], "limit")


# What a claim may ask for ------------------------------------------------------------------------


def test_a_claim_of_a_phase_takes_no_other_and_of_a_role_what_is_for_none_too(session, card):
    card("A", priority=9)
    card("B", phase="M1", priority=5, role="code")
    card("C", phase="M1", role="review")
    assert taken(session, pool=Pool("M1", "review")) == ["C"]
    assert taken(session, pool=Pool(role="review")) == ["A"]
    assert taken(session, pool=Pool(role="review")) == "empty"
    assert taken(session, pool=Pool("M1")) == ["B"]


def test_several_come_in_the_order_of_claims(session, card):
    for n, priority in enumerate((1, 9, 5)):
        card(f"A{n}", priority=priority)
    assert taken(session, count=2) == ["A1", "A2"]
    assert taken(session, count=2) == ["A0"]


@pytest.mark.one_tier
@pytest.mark.parametrize("count", [0, -1, 1001])
def test_a_count_out_of_range_is_refused(count, session):
    with pytest.raises(UsageError, match="between 1 and 1000"):
        claims.claim(session, "w", count=count)


def test_a_claim_that_waits_gets_what_comes(session, sessions, card):
    waiting = Background(sessions(), partial(claims.claim, owner="w", wait=20))
    time.sleep(0.3)
    card("A")
    assert [card.id for card in waiting.result().cards] == ["A"]


def test_a_claim_that_waited_in_vain_says_why(session):
    assert claims.claim(session, "w", wait=0) == ([], "empty")


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("needs", [["A"], []])
def test_finishing_and_claiming_the_next_is_one_transaction(needs, said, session, card, claimed):
    """Also where the first has made the next one claimable, whether that is known or not."""
    card("B", needs=needs, priority=1)
    card("C")
    done, following = claims.complete_and_claim(session, "A", "w", 1, waited_for=said)
    assert (done.status, [card.id for card in following.cards]) == ("done", ["B"])
    written = "SELECT count(DISTINCT xmin::text) FROM backlog WHERE id <> 'C'"
    assert session.execute(written).fetchone() == (1,)


def test_of_what_is_finished_only_the_next_one_s_texts_are_read(session, card, claimed):
    card("B", body="long", acceptance="[1]")
    session.execute("UPDATE backlog SET body = 'longer' WHERE id = 'A'")
    done, following = claims.complete_and_claim(session, "A", "w", 1, texts=False)
    assert (done.body, following.card.body, following.card.acceptance) == (None, "long", "[1]")


def test_what_a_transaction_of_the_caller_s_finishes_and_claims_is_its_own(session, card, claimed):
    card("B")
    with suppress(ZeroDivisionError), session.transaction():
        claims.complete_and_claim(session, "A", "w", 1)
        raise ZeroDivisionError
    assert cards.show(session, "A").status == "claimed"
    assert cards.show(session, "B").status == "ready"


def test_what_is_finished_twice_in_one_transaction_claims_the_next_once(session, card, claimed):
    card("B")
    card("C")
    with session.transaction():
        claims.complete_and_claim(session, "A", "w", 1)
        with pytest.raises(ClaimLost):
            claims.complete_and_claim(session, "A", "w", 1)
    assert [cards.show(session, each).status for each in "ABC"] == ["done", "claimed", "ready"]


def test_a_card_is_finished_also_where_others_lock_the_next(
    session, other, card, claimed, monkeypatch
):
    monkeypatch.setattr(claims, "MOST_TRIES", 2)
    card("B")
    with other.transaction():
        other.execute("SELECT FROM backlog WHERE id = 'B' FOR UPDATE")
        done, following = claims.complete_and_claim(session, "A", "w", 1)
    assert (done.status, following.cards) == ("done", [])
    assert "locked by another transaction" in following.why


def test_what_cannot_be_finished_claims_nothing(call, card, claimed):
    card("B")
    assert call("complete", "--id", "A", "--owner", "v", "--claim-next").status == 4
    assert call("show", "--id", "B", "--json").json["status"] == "ready"
