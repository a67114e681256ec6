"""Runaway loops: however an attempt ends, somebody has to look at the card after ten of them."""

import pytest

from backlog.verbs import cards, claims, moves, runs
from backlog.verbs.runs import Report
from tests.workers import together

RUNAWAY = (139, 274, 5_400)  # runs of one card, as the peers' users have seen them
CAP = 10


def _fail(session, attempt):
    moves.release(session, "A", "w", attempt, report=Report(outcome="failed"))


def _expire(session, _):
    session.execute("UPDATE backlog SET claimed_at = claimed_at - interval '1 hour'")
    moves.reclaim(session)


ENDS = {
    "release": lambda s, attempt: moves.release(s, "A", "w", attempt),
    "failure": _fail,
    "expiry": _expire,
    "reclaim by id": lambda s, _: moves.reclaim_card(s, "A"),
    "update by hand": lambda s, _: s.execute("UPDATE backlog SET status = 'ready'"),
    "update by hand of an expired one": lambda s, _: s.execute(
        "UPDATE backlog SET status = 'ready', claimed_at = now() - interval '1 hour'"
    ),
}


def run_away(session, *ends):
    """Claim the card for as long as it is there to claim; how often it was."""
    for number in range(max(RUNAWAY)):
        card = claims.claim(session, "w").card
        if card is None:
            return number
        ends[number % len(ends)](session, card.attempts)
    return max(RUNAWAY)


@pytest.mark.parametrize(
    "ends", [*([end] for end in ENDS.values()), ENDS.values()], ids=[*ENDS, "each in its turn"]
)
def test_runaway_loops_of_one_card(ends, session, card):
    """Peers: "Runaway loops: 139, 274, over 5,400 runs of one card"; here ten, then it is shown.

    The cap counts attempts, not repetitions of one end.
    """
    card("A")
    assert run_away(session, *ends) == CAP
    stopped = cards.show(session, "A")
    assert (stopped.status, stopped.block_reason) == ("blocked", "attempts_exhausted")
    assert len(runs.runs(session, "A")) == CAP


def test_runaway_loops_that_starve_the_other_cards(session, card):
    """Peers: "Runaway loops": what is less urgent gets its turn after them."""
    card("A", priority=9)
    card("B")
    for attempt in range(1, CAP + 1):
        assert claims.claim(session, "w").card.id == "A"
        _fail(session, attempt)
    assert claims.claim(session, "w").card.id == "B"


def test_runaway_loops_of_many_processes(session, card):
    """Peers: "Runaway loops", when it is the fleet that runs away rather than one worker."""
    card("A")
    won = together(8, "tests.peers.children", "claim_and_give_back", "A")
    assert sorted(attempt for each in won for attempt in each) == list(range(1, CAP + 1))
    assert cards.show(session, "A").block_reason == "attempts_exhausted"


@pytest.mark.deep
@pytest.mark.one_tier
def test_runaway_loops_of_processes_that_only_die(session, card):
    """Peers: "Runaway loops": a worker that dies each time says nothing, and is counted."""
    card("A")
    for attempt in range(1, CAP + 1):
        assert together(1, "tests.peers.children", "claim_and_vanish", "A") == [[attempt]]
        _expire(session, None)
    assert cards.show(session, "A").block_note == "10 of 10 attempts"


@pytest.mark.one_tier
def test_runaway_loops_of_a_command_that_always_fails(session, card, command):
    """Peers: "Runaway loops": a worker that drains the backlog comes to an end of its own."""
    card("A")
    ran = command("work", "--owner", "w", "--drain", "--backoff", "0", "--", "false")
    assert (ran.status, cards.show(session, "A").block_reason) == (0, "attempts_exhausted")
    assert [run.outcome for run in runs.runs(session, "A")] == ["failed"] * CAP


def test_runaway_loops_that_an_edit_begins_again(session, card):
    """Peers: "Runaway loops": only unblocking a card gives it more attempts."""
    card("A")
    run_away(session, _fail)
    cards.edit(session, "A", title="Again", priority=7)
    session.execute("UPDATE backlog SET attempts_forgiven = 10, max_attempts = 99")
    assert claims.claim(session, "w").card is None


def test_block_outcomes_that_never_count_towards_the_cap(session, card):
    """Peers: "block outcomes that never count towards the cap": ended by a block, it is one."""
    card("A", max_attempts=2, claimed=True)
    session.execute("UPDATE backlog SET status = 'blocked', block_reason = 'transient'")
    assert runs.runs(session, "A")[0].outcome == "blocked"
    moves.unblock(session, "A")
    assert run_away(session, _fail) == 2


@pytest.mark.one_tier
@pytest.mark.parametrize("times", RUNAWAY[:2])
def test_block_outcomes_that_nobody_sees_repeated(times, session, card, call):
    """Peers: "block outcomes …": unblocking takes a person, who sees how often it was in vain."""
    card("A")
    for _ in range(times):
        attempt = claims.claim(session, "w").card.attempts
        moves.block(session, "A", "w", attempt, reason="needs_input")
        moves.unblock(session, "A")
    shown = call("show", "--id", "A", "--json").json
    assert (shown["blockReason"], shown["blockCount"]) == ("needs_input", times)
    assert len(runs.runs(session, "A")) == times


def test_block_outcomes_of_the_cap_itself_are_counted(session, card):
    """Peers: "block outcomes …": a card that is unblocked again and again shows it."""
    card("A", max_attempts=1)
    for _ in range(3):
        assert run_away(session, _fail) == 1
        moves.unblock(session, "A")
    assert cards.show(session, "A").block_count == 3
