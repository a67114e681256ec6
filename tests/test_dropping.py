"""A card that will not be done is dropped; what waits for it does as somebody says."""

import pytest

from backlog.errors import Cancelled, HasDependents, NotFound, Stale, UsageError, WrongState
from backlog.verbs import cards, moves, runs
from backlog.verbs.briefing import briefing
from backlog.verbs.cards import show
from backlog.verbs.drop import drop
from backlog.verbs.history import history

pytestmark = pytest.mark.quick

WHY = "the plan has changed"


@pytest.fixture
def waiting(session, card):
    """A, for which B and the claimed D wait; and C, which waits for B."""
    card("D", claimed=True)
    card("A")
    card("B", ["A"])
    card("C", ["B"])
    cards.link(session, "D", "A")


def states(session):
    """Of each card its resolution, else its status."""
    sql = "SELECT id, coalesce(resolution, status) FROM backlog ORDER BY id"
    return dict(session.execute(sql).fetchall())


@pytest.mark.parametrize("given", [{}, {"gated": True}, {"blocked": True}, {"waiting": True}])
def test_a_dropped_card_is_done_and_archived_and_its_history_says_why(session, card, given):
    card("A", **given)
    dropped = drop(session, "A", WHY).card
    assert (dropped.status, dropped.resolution) == ("done", "dropped")
    assert dropped.archived_at is not None
    assert (history(session, "A")[-1].verb, history(session, "A")[-1].note) == ("drop", WHY)
    assert runs.runs(session, "A") == []


def test_a_claim_ends_as_cancelled_and_its_worker_is_told(session, claimed):
    drop(session, "A", WHY)
    assert runs.runs(session, "A")[-1].outcome == "cancelled"
    with pytest.raises(Cancelled, match="dropped"):
        moves.renew(session, "A", "w", 1)


def test_a_duplicate_says_of_what(session, card):
    card("A")
    card("B")
    assert drop(session, "A", WHY, duplicate_of="B").card.resolution == "duplicate"
    assert history(session, "A")[-1].note == f"B: {WHY}"


@pytest.mark.parametrize("name", ["B", "B: C", "gone"])
def test_of_which_card_it_is_a_duplicate_is_told_wherever_it_is_shown(session, call, card, name):
    for each in {"A", "B", "B: C", name}:
        card(each)
    card("D", ["A"])
    drop(session, "A", f"{WHY}: it is", duplicate_of=name, dependents="proceed")
    if name == "gone":
        cards.delete(session, name, force=True)
    assert f"duplicate-of: {name}" in call("show", "--id", "A").out
    assert f"> duplicate of: {name}\n" in briefing(session, "A")
    assert f"> duplicate of: {name}\n" in briefing(session, "D")


def test_nobody_guesses_what_becomes_of_those_that_wait(session, waiting):
    with pytest.raises(HasDependents, match=r"B, D wait for it; .*wait .*proceed .*drop "):
        drop(session, "A", WHY)
    assert states(session) == {"A": "ready", "B": "ready", "C": "ready", "D": "claimed"}


@pytest.mark.parametrize(
    ("choice", "after", "told"),
    [
        ("proceed", ("dropped", "ready", "ready", "claimed"), ([], [], [])),
        ("drop", ("dropped",) * 4, (["B", "C", "D"], [], [])),
        ("wait", ("dropped", "blocked", "ready", "claimed"), ([], ["B"], ["D"])),
    ],
)
def test_those_that_wait_do_as_is_said(session, waiting, choice, after, told):
    assert drop(session, "A", WHY, dependents=choice)[1:] == told
    assert tuple(states(session).values()) == after
    assert show(session, "B").claimable == (choice == "proceed")


def test_what_is_to_wait_says_for_what_and_waits_for_a_person(session, waiting):
    drop(session, "A", WHY, dependents="wait")
    waits = show(session, "B")
    assert waits.block_reason == "dependency"
    assert waits.block_note == f"waits for A, which was dropped: {WHY}"


def test_what_is_reopened_is_back(session, waiting):
    drop(session, "A", WHY, dependents="proceed")
    back = moves.reopen(session, "A")
    assert (back.resolution, back.archived_at, back.claimable) == (None, None, True)
    assert not show(session, "B").claimable


@pytest.mark.parametrize(
    ("card_id", "how", "refusal"),
    [
        ("Q", {}, NotFound),
        ("done", {}, WrongState),
        ("A", {"duplicate_of": "Q", "dependents": "wait"}, NotFound),
        ("A", {"duplicate_of": "A"}, UsageError),
        ("A", {"duplicate_of": "B", "dependents": "drop"}, UsageError),
        ("A", {"dependents": "guess"}, UsageError),
    ],
)
def test_what_cannot_be_dropped_so_is_refused(session, card, waiting, card_id, how, refusal):
    card("done", done=True)
    before = states(session)
    with pytest.raises(refusal):
        drop(session, card_id, WHY, **how)
    assert states(session) == before


def test_what_changed_since_it_was_seen_is_left(session, card):
    seen = card("A").updated_at
    cards.edit(session, "A", priority=4)
    with pytest.raises(Stale):
        drop(session, "A", WHY, seen=seen)
