"""Runs: one row an attempt, however it ends, whoever ends it; the open one is the claim."""

import pytest

from backlog.errors import Cancelled, UsageError
from backlog.verbs import cards, claims, history, moves, runs
from backlog.verbs.runs import Report

pytestmark = pytest.mark.quick

OPEN = "SELECT card_id FROM backlog_run WHERE ended_at IS NULL ORDER BY card_id"
CLAIMED = "SELECT id FROM backlog WHERE status = 'claimed' ORDER BY id"


def outcomes(session, card_id="A"):
    return [(run.attempt, run.owner, run.outcome) for run in runs.runs(session, card_id)]


def expire(session):
    session.execute("UPDATE backlog SET claimed_at = now() - interval '1 hour'")


WAYS = {
    "complete": (lambda s: moves.complete(s, "A", "w", 1), "completed"),
    "complete by the operator": (lambda s: moves.complete(s, "A"), "completed"),
    "block": (lambda s: moves.block(s, "A"), "blocked"),
    "release": (lambda s: moves.release(s, "A", "w", 1), "released"),
    "release of a failure": (
        lambda s: moves.release(s, "A", report=Report(outcome="failed")),
        "failed",
    ),
    "reclaim by id": (lambda s: moves.reclaim_card(s, "A"), "released"),
    "cancel": (lambda s: moves.cancel(s, "A"), "cancelled"),
    "delete": (lambda s: cards.delete(s, "A"), "cancelled"),
    "update by hand": (
        lambda s: s.execute("UPDATE backlog SET status = 'ready' WHERE id = 'A'"),
        "released",
    ),
    "truncate": (lambda s: s.execute("TRUNCATE backlog"), "cancelled"),
}


@pytest.mark.parametrize(("end", "outcome"), WAYS.values(), ids=WAYS)
def test_an_attempt_ends_as_one_run(end, outcome, session, claimed):
    end(session)
    assert outcomes(session) == [(1, "w", outcome)]
    assert session.execute(OPEN).fetchall() == session.execute(CLAIMED).fetchall() == []


def test_an_expired_attempt_is_a_run_that_expired(session, claimed):
    expire(session)
    moves.reclaim(session)
    assert outcomes(session) == [(1, "w", "expired")]


def test_an_attempt_given_back_after_its_lease_was_given_back(session, claimed):
    expire(session)
    moves.release(session, "A", "w", 1)
    assert outcomes(session) == [(1, "w", "released")]
    assert [event.verb for event in history.history(session, "A")][-1] == "release"


COMPLETIONS = {
    "verb": lambda s: moves.complete(s, "verb", "w", 1),
    "report": lambda s: moves.complete(s, "report", "w", 1, report=Report(outcome="completed")),
    "by hand": lambda s: s.execute("UPDATE backlog SET status = 'done' WHERE id = 'by hand'"),
}


def test_every_way_to_complete_leaves_the_same_behind(session, card):
    session.execute("SELECT set_config('backlog.actor', 'w', false)")
    for card_id, complete in COMPLETIONS.items():
        card(card_id, title="Card")
        claims.claim(session, "w")
        complete(session)
    left = session.execute("""
        SELECT DISTINCT to_jsonb(card) - '{id,created_at,updated_at,status_changed_at}'::text[],
            to_jsonb(run) - '{id,card_id,started_at,ended_at}'::text[],
            to_jsonb(event) - '{id,card_id,at}'::text[],
            run.started_at < run.ended_at, run.ended_at = event.at, event.at = card.updated_at,
            card.updated_at = card.status_changed_at
        FROM backlog card
        JOIN backlog_ended_run run ON run.card_id = card.id
        JOIN backlog_event event ON event.card_id = card.id AND verb = 'complete'""").fetchall()
    assert [row[3:] for row in left] == [(True, True, True, True)]


def test_a_claim_is_the_open_run(session, claimed):
    (run,) = runs.runs(session, "A")
    assert (run.attempt, run.owner, run.started_at) == (1, "w", claimed.claimed_at)
    assert (run.ended_at, run.outcome) == (None, None)


def test_a_renewal_does_not_move_the_start(session, claimed):
    moves.renew(session, "A", "w", 1)
    assert runs.runs(session, "A")[0].started_at == claimed.claimed_at


def test_a_completion_without_a_claim_is_a_run_without_an_attempt(session, card):
    card("A")
    moves.complete(session, "A")
    (run,) = runs.runs(session, "A")
    assert (run.attempt, run.outcome, run.started_at) == (None, "completed", run.ended_at)


def test_a_claim_taken_over_by_hand_ends_the_run_before(session, claimed):
    session.execute("UPDATE backlog SET claim_owner = 'v' WHERE id = 'A'")
    assert outcomes(session) == [(1, "w", "released"), (2, "v", None)]


def test_what_the_worker_says_is_kept_with_every_digit(session, claimed):
    said = Report(summary="It works.", result='{"n":1.10}', tokens=2**40, cost="0.250001")
    moves.complete(session, "A", "w", 1, report=said)
    (run,) = runs.runs(session, "A")
    assert (run.summary, run.result, run.tokens) == ("It works.", '{"n": 1.10}', 2**40)
    assert str(run.cost) == "0.250001"


def test_what_is_said_of_one_attempt_is_not_said_of_the_next(session, claimed):
    with session.transaction():
        moves.release(session, "A", "w", 1, report=Report(summary="first"))
        claims.claim(session, "w")
        session.execute("UPDATE backlog SET status = 'done' WHERE id = 'A'")
    assert [run.summary for run in runs.runs(session, "A")] == ["first", None]


@pytest.mark.one_tier
@pytest.mark.parametrize(
    "said",
    [Report(tokens=-1), Report(cost="1e3"), Report(cost="-1"), Report(result="{"), Report("a\0")],
)
def test_a_report_that_no_run_can_hold_is_refused_and_nothing_changes(said, session, claimed):
    with pytest.raises(UsageError):
        moves.complete(session, "A", "w", 1, report=said)
    assert cards.show(session, "A") == claimed


def test_runs_are_never_changed(session, claimed):
    moves.complete(session, "A")
    with pytest.raises(Exception, match="never changed"):
        session.execute("UPDATE backlog_ended_run SET outcome = 'failed'")


@pytest.mark.parametrize(
    "say",
    [
        lambda s: moves.renew(s, "A", "w", 1),
        lambda s: moves.complete(s, "A", "w", 1),
        lambda s: moves.release(s, "A", "w"),
    ],
    ids=["renew", "complete", "release"],
)
def test_a_cancelled_attempt_hears_of_it_at_its_next_word(say, session, claimed):
    moves.cancel(session, "A", reason="not needed")
    with pytest.raises(Cancelled, match="not needed"):
        say(session)
    assert cards.show(session, "A").status == "blocked"


def test_the_attempt_after_a_cancelled_one_inherits_nothing(session, claimed):
    moves.cancel(session, "A")
    moves.unblock(session, "A")
    again = claims.claim(session, "w", 60).card
    assert moves.renew(session, "A", "w", again.attempts).claim_ttl_seconds == 60


@pytest.mark.one_tier
def test_a_done_card_cannot_be_cancelled(call, card):
    card("A", done=True)
    assert call("cancel", "--id", "A").status == 1


# Caps, and cards that are held back ---------------------------------------------------------------


def attempt(session, end, times):
    for _ in range(times):
        assert claims.claim(session, "w", card_id="A").card
        end(session)


ENDS = {
    "release": lambda s: moves.release(s, "A"),
    "failure": lambda s: moves.release(s, "A", report=Report(outcome="failed")),
    "expiry": lambda s: (expire(s), moves.reclaim(s)),
    "reclaim by id": lambda s: moves.reclaim_card(s, "A"),
    "update by hand": lambda s: s.execute("UPDATE backlog SET status = 'ready'"),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS)
def test_the_last_attempt_blocks_the_card_whoever_ends_it(end, session, card):
    card("A", max_attempts=3)
    attempt(session, end, 3)
    blocked = cards.show(session, "A")
    assert (blocked.status, blocked.block_reason) == ("blocked", "attempts_exhausted")
    assert claims.claim(session, "w").card is None


def test_the_default_cap_is_ten(session, card):
    card("A")
    attempt(session, ENDS["release"], 10)
    assert cards.show(session, "A").block_note == "10 of 10 attempts"


def test_the_environment_sets_the_cap(session, card, monkeypatch):
    monkeypatch.setenv("BACKLOG_MAX_ATTEMPTS", "2")
    card("A")
    attempt(session, ENDS["release"], 2)
    assert cards.show(session, "A").block_reason == "attempts_exhausted"


@pytest.mark.parametrize("of", ["card", "environment"])
def test_a_cap_of_zero_is_none(of, session, card, monkeypatch):
    monkeypatch.setenv("BACKLOG_MAX_ATTEMPTS", "1" if of == "card" else "0")
    card("A", max_attempts=0 if of == "card" else None)
    attempt(session, ENDS["release"], 12)
    assert cards.show(session, "A").status == "ready"


@pytest.mark.one_tier
def test_a_cap_that_is_no_number_is_refused(call, card, monkeypatch):
    monkeypatch.setenv("BACKLOG_MAX_ATTEMPTS", "many")
    card("A", claimed=True)
    ran = call("release", "--id", "A")
    assert (ran.status, "BACKLOG_MAX_ATTEMPTS must be" in ran.err) == (2, True)


def test_unblock_gives_all_attempts_again_and_lowers_none(session, card):
    card("A", max_attempts=2)
    attempt(session, ENDS["release"], 2)
    moves.unblock(session, "A")
    attempt(session, ENDS["release"], 1)
    assert (cards.show(session, "A").status, cards.show(session, "A").attempts) == ("ready", 3)
    attempt(session, ENDS["release"], 1)
    assert cards.show(session, "A").block_count == 2


def test_an_uncounted_attempt_leaves_the_cap_where_it_was(session, card):
    card("A", max_attempts=2)
    uncounted = Report(counted=False)
    attempt(session, lambda s: moves.release(s, "A", report=uncounted), 5)
    attempt(session, ENDS["release"], 1)
    assert (cards.show(session, "A").status, cards.show(session, "A").attempts) == ("ready", 6)


def test_the_cap_looks_at_attempts_here_not_at_imported_ones(session):
    session.execute("INSERT INTO backlog (id, title, attempts) VALUES ('A', 't', 50)")
    attempt(session, ENDS["release"], 1)
    assert cards.show(session, "A").status == "ready"


def test_nobody_writes_what_the_cap_is_counted_from(session, card):
    card("A", max_attempts=1)
    session.execute("UPDATE backlog SET attempts_forgiven = 5")
    attempt(session, ENDS["release"], 1)
    assert cards.show(session, "A").block_reason == "attempts_exhausted"


def test_a_cap_below_zero_is_refused(session, card):
    card("A")
    with pytest.raises(Exception, match="backlog_count_in_range"):
        session.execute("UPDATE backlog SET max_attempts = -1")


def test_the_runs_of_a_card_are_found_by_their_index(session):
    with session.transaction():
        session.execute("SET LOCAL enable_seqscan = off")
        rows = session.execute("EXPLAIN SELECT * FROM backlog_run WHERE card_id = 'A'").fetchall()
    assert any("Index Cond: (card_id = 'A'" in line for (line,) in rows)
