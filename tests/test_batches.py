"""Many cards at once: each has its own outcome, as if it were asked for alone."""

from typing import Any

import pytest

from backlog.errors import Busy, ClaimLost, NotFound, Refusal, UsageError, WrongState
from backlog.verbs import batches, cards, history, moves, runs
from backlog.verbs.batches import Held, Outcome
from backlog.verbs.runs import Report
from tests.factories import empty
from tests.workers import Background

pytestmark = pytest.mark.quick

VERBS = {
    "complete": (batches.complete_many, moves.complete),
    "release": (batches.release_many, moves.release),
    "renew": (batches.renew_many, moves.renew),
}


def by_one(verb: Any) -> Any:
    """The verb for one card, asked for each as a batch is."""

    def many(session: Any, held: list[Held], owner: str) -> list[Outcome[Any]]:
        outcomes = []
        for each in held:
            try:
                card = verb(session, each.id, owner, each.attempt)
                outcomes.append(Outcome(each.id, card, None))
            except Refusal as refusal:
                outcomes.append(Outcome(each.id, None, refusal))
        return outcomes

    return many


def told(session: Any, outcome: Outcome[Any]) -> Any:
    """What was answered, and what there is of the card: all but its times."""
    found = cards.find(session, outcome.id)
    events = [event[3:] for event in history.history(session, outcome.id)] if found else []
    said = outcome.card.status if outcome.card else repr(outcome.refusal)
    ended = [run[1:3] + run[5:] for run in runs.runs(session, outcome.id)]
    return said, found and (found.status, found.lease, found.claim_ttl_seconds), events, ended


@pytest.mark.parametrize("verb", VERBS)
def test_a_batch_answers_and_leaves_what_the_verb_does_card_by_card(verb, session, card):
    answers = []
    held = [Held("C", 1), Held("B", 2), Held("D", 1), Held("A", 1), Held("E", 1), Held("X", 1)]
    for ask in (VERBS[verb][0], by_one(VERBS[verb][1])):
        empty(session)
        for card_id, owner in zip("ABCD", "wwwv", strict=True):
            card(card_id, claimed=True, owner=owner)
        card("E", blocked=True)
        outcomes = ask(session, held, "w")
        assert [each.id for each in outcomes] == [each.id for each in held]
        answers.append([told(session, each) for each in outcomes])
    assert answers[0] == answers[1]
    assert [answer[0][:9] == "ClaimLost" for answer in answers[0]] == [0, 1, 1, 0, 1, 1]


@pytest.mark.parametrize("verb", ["cancel", "unblock", "reopen"])
def test_a_batch_of_an_operator_does_what_the_verb_does_card_by_card(verb, session, card):
    def one(session, card_id, *_):
        return moves.existing(card_id, getattr(moves, verb)(session, card_id))

    answers = []
    held = [Held(card_id) for card_id in "EDCBAX"]
    for ask in (lambda s, held, _: getattr(batches, f"{verb}_many")(s, "EDCBAX"), by_one(one)):
        empty(session)
        for card_id, state in zip("ABCD", ("done", "claimed", "blocked", "done"), strict=True):
            card(card_id, status=state)
        card("E", needs=["A", "D"])
        answers.append([told(session, each) for each in ask(session, held, "")])
    assert answers[0] == answers[1]


def test_an_operator_completes_what_may_be_completed_and_hears_of_the_rest(session, card):
    card("A")
    card("B", claimed=True)
    card("C", done=True)
    card("D", blocked=True)
    outcomes = batches.complete_many(session, [Held(card_id) for card_id in "DCBAX"])
    moved = [each.id for each in outcomes if each.card and each.card.status == "done"]
    assert moved == ["C", "B", "A"]
    assert [type(each.refusal) for each in outcomes if each.refusal] == [WrongState, NotFound]


@pytest.mark.parametrize("verb", [batches.complete_many, batches.release_many])
def test_what_is_said_of_each_card_is_kept_in_its_run(verb, session, card):
    held = [Held(card_id, 1, Report(f"of {card_id}", tokens=n)) for n, card_id in enumerate("CAB")]
    for each in held:
        card(each.id, claimed=True)
    verb(session, [*held[:2], held[2]._replace(report=Report())])
    kept = [runs.runs(session, card_id)[0] for card_id in "ABC"]
    assert [(run.summary, run.tokens) for run in kept] == [("of A", 1), (None, None), ("of C", 0)]


def test_what_is_said_of_a_card_holds_for_one_move_of_it(session, claimed):
    with session.transaction():
        batches.release_many(session, [Held("A", 1, Report("said", outcome="failed"))])
        session.execute("UPDATE backlog SET status = 'done' WHERE id = 'A'")
    assert [run.summary for run in runs.runs(session, "A")] == ["said", None]


def test_a_batch_locks_in_the_order_of_ids_however_it_is_given(session, other, sessions, card):
    """So two of them cannot wait for each other."""
    for card_id in "ABC":
        card(card_id, claimed=True)
    with other.transaction():
        moves.renew(other, "B")
        batch = Background(sessions(), batches.complete_many, [Held(card_id) for card_id in "CBA"])
        assert batch.waits()
        free = session.execute("SELECT id FROM backlog FOR UPDATE SKIP LOCKED").fetchall()
        assert free == [("C",)]
    assert [each.card.status for each in batch.result()] == ["done"] * 3


@pytest.mark.parametrize("verb", [batches.release_many, batches.block_many])
def test_a_batch_moves_what_is_free_before_it_waits(verb, session, other, sessions, card):
    for card_id in "ABC":
        card(card_id, claimed=True)
    with other.transaction():
        moves.renew(other, "B")
        batch = Background(sessions(), verb, [Held(card_id) for card_id in "ABC"])
        assert batch.waits()
        left = session.execute("SELECT id FROM backlog WHERE status = 'claimed'").fetchall()
        assert left == [("B",)]
    assert [each.refusal for each in batch.result()] == [None] * 3


def test_a_renewal_that_does_not_wait_says_which_card_is_locked(session, other, card):
    for card_id in "ABC":
        card(card_id, claimed=True)
    with other.transaction():
        other.execute("SELECT FROM backlog WHERE id = 'B' FOR UPDATE")
        held = [Held(card_id, 1) for card_id in "ABCX"]
        outcomes = batches.renew_many(session, held, "w", wait=False)
    said = [type(each.refusal) for each in outcomes]
    assert said == [type(None), Busy, type(None), ClaimLost]


def test_a_card_whose_claim_ends_while_a_batch_waits_is_lost_and_no_other(other, sessions, card):
    for card_id in "ABC":
        card(card_id, claimed=True)
    with other.transaction():
        moves.release(other, "B")
        held = [Held(card_id, 1) for card_id in "ABC"]
        batch = Background(sessions(), batches.complete_many, held, "w")
        assert batch.waits()
    assert [type(each.refusal) for each in batch.result()] == [type(None), ClaimLost, type(None)]


@pytest.mark.one_tier
@pytest.mark.parametrize(
    ("held", "owner", "sentence"),
    [
        ([Held("B", 1), Held("A", 1), Held("B", 1)], "w", "B is named twice"),
        ([Held("A", 1)] * 1001, "w", "at most 1,000 cards at once, not 1,001"),
        ([Held("A", 1), Held("a\0b", 1)], "w", "id must not contain a NUL byte"),
        ([Held("A", "1")], "w", "attempt must be a whole number"),
        ([Held("A", 1)], "w\0", "owner must not contain a NUL byte"),
        ([Held("A", 1, Report(tokens=-1))], "w", "tokens must be a whole number"),
        (["A"], "w", "cards must be Held, not str"),
    ],
)
def test_a_batch_that_cannot_be_is_refused_as_a_whole(held, owner, sentence, session, claimed):
    with pytest.raises(UsageError, match=sentence):
        batches.complete_many(session, held, owner)
    assert cards.show(session, "A") == claimed


@pytest.mark.parametrize("report", [Report(), Report("said")])
@pytest.mark.parametrize("needs", [[], ["A"]])
@pytest.mark.parametrize("waited_for", [False, True])
def test_cards_are_finished_and_the_next_claimed(needs, report, waited_for, session, card):
    """The next in the order of claims, also where it waited for those that are finished."""
    card("A", claimed=True)
    card("B", claimed=True)
    card("X", needs=needs, priority=9)
    for each in "YZ":
        card(each)
    held = [Held("B", 1, report), Held("A", 1)]
    verb = batches.complete_many_and_claim
    outcomes, taken = verb(session, held, "w", 2, ttl=60, waited_for=waited_for)
    assert [(each.id, each.card.status) for each in outcomes] == [("B", "done"), ("A", "done")]
    assert [(each.id, each.claim_ttl_seconds) for each in taken.cards] == [("X", 60), ("Y", 60)]
    assert runs.runs(session, "B")[0].summary == report.summary
    together = "SELECT count(DISTINCT xmin::text) FROM backlog WHERE id <> 'Z'"
    both = waited_for or (needs == [] and not report.summary)
    assert not both or session.execute(together).fetchone() == (1,)


def test_a_claim_that_is_lost_undoes_no_other_and_no_claim(session, card):
    card("A", claimed=True)
    card("B", claimed=True, owner="v")
    card("C")
    held = [Held("A", 1), Held("B", 1)]
    outcomes, taken = batches.complete_many_and_claim(session, held, "w", 5, texts=False)
    assert [type(each.refusal) for each in outcomes] == [type(None), ClaimLost]
    assert [each.id for each in taken.cards] == ["C"]


def test_with_nothing_to_claim_cards_are_finished_all_the_same(session, claimed):
    outcomes, taken = batches.complete_many_and_claim(session, [Held("A", 1)], "w", 5)
    assert (outcomes[0].card.status, taken) == ("done", ([], "empty"))


def test_a_card_that_another_locks_is_waited_for_and_then_the_next_is_claimed(
    session, other, sessions, card
):
    for each in "AB":
        card(each, claimed=True)
    card("C")
    with other.transaction():
        moves.renew(other, "A")
        held = [Held("A", 1), Held("B", 1)]
        batch = Background(sessions(), batches.complete_many_and_claim, held, "w", 1)
        assert batch.waits()
        assert cards.show(session, "C").status == "ready"
    outcomes, taken = batch.result()
    assert [each.card.status for each in outcomes] == ["done"] * 2
    assert [each.id for each in taken.cards] == ["C"]
