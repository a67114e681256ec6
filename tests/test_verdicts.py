"""A gated card is done when each criterion has passed in the eyes of another than its worker."""

import threading

import pytest
from psycopg.errors import CheckViolation

from backlog.errors import NotAccepted, NotFound, Stale, UsageError, WrongState
from backlog.verbs import batches, cards, claims, gates, moves, runs
from backlog.verbs.batches import Held
from backlog.verbs.briefing import briefing
from backlog.verbs.history import history
from backlog.verbs.verdicts import ledger, request_changes, verify
from backlog.worker import Worker
from tests.workers import Background

pytestmark = pytest.mark.quick

CRITERIA = '["tests pass", "docs are written"]'


@pytest.fixture
def gated(card):
    """The card A with two criteria, which w holds; B waits for it."""
    made = card("A", acceptance=CRITERIA, gated=True, claimed=True)
    card("B", needs=["A"])
    return made


@pytest.fixture
def in_review(session, gated):
    return moves.complete(session, "A", "w", 1)


def judge(session, *criteria, passed=True, by="r", **more):
    for criterion in criteria:
        verify(session, "A", criterion, passed, "ci run 7", by, **more)


# Into review, and out of it -----------------------------------------------------------------------


def test_what_its_worker_finished_waits_for_verdicts(session, in_review):
    assert (in_review.status, in_review.block_reason, in_review.in_review) == (
        *("blocked", "in_review"),
        True,
    )
    assert runs.runs(session, "A")[-1].outcome == "completed"
    assert history(session, "A")[-1].verb == "submit"
    assert claims.claim(session, "w").cards == []
    assert cards.show(session, "B").open_dependencies == 1


def test_it_is_done_once_each_criterion_has_passed(session, in_review):
    with pytest.raises(NotAccepted, match="another than its worker: 1, 2"):
        moves.complete(session, "A")
    judge(session, 1, 2)
    assert moves.complete(session, "A").status == "done"
    assert claims.claim(session, "w").card.id == "B"


def test_verdicts_given_during_the_work_complete_it_at_its_end(session, gated):
    judge(session, 1, 2)
    assert moves.complete(session, "A", "w", 1).status == "done"


def test_the_newest_verdict_of_a_criterion_counts(session, in_review):
    judge(session, 1, 2)
    judge(session, 2, passed=False)
    assert ledger(session, "A").open == [2]
    judge(session, 2)
    assert ledger(session, "A").open == []


def test_who_works_on_it_next_has_judged_nothing_of_it(session, in_review):
    judge(session, 1, 2)
    request_changes(session, "A", "more tests", "r")
    claims.claim(session, "r", card_id="A")
    assert ledger(session, "A").open == [1, 2]
    assert moves.complete(session, "A", "r").in_review


def test_who_has_ever_worked_on_it_judges_nothing_of_it(session, in_review):
    moves.unblock(session, "A")
    claims.claim(session, "v", card_id="A")
    moves.complete(session, "A", "v", 2)
    with pytest.raises(WrongState, match="w is its worker"):
        judge(session, 1, by="w")
    with pytest.raises(CheckViolation, match="does not judge it"):
        session.execute(
            "INSERT INTO backlog_verdict (card_id, criterion, passed, actor, attempt)"
            " VALUES ('A', 1, true, 'w', 0)"
        )


def test_no_verdict_is_taken_back_by_emptying_the_table(session, in_review):
    with pytest.raises(CheckViolation, match="never changed"):
        session.execute("TRUNCATE backlog_verdict")


def test_changes_are_requested_with_the_reasons_for_the_next_attempt(session, in_review):
    judge(session, 2, passed=False)
    card = request_changes(session, "A", "write the docs", "boss")
    assert (card.status, card.attempts_forgiven) == ("ready", card.attempts)
    told = briefing(session, "A")
    assert "\n\n> write the docs\n" in told
    assert "### Criterion 2: failed" in told
    assert "> by: r\n> criterion: docs are written\n\n> ci run 7\n" in told
    event = history(session, "A")[-1]
    assert (event.verb, event.actor, event.note) == ("request-changes", "boss", "write the docs")


@pytest.mark.parametrize("anew", ["reopened", "changed"])
def test_a_card_starts_over_when_it_is(anew, session, in_review):
    judge(session, 1, 2)
    if anew == "reopened":
        moves.complete(session, "A")
        moves.reopen(session, "A")
    else:
        cards.edit(session, "A", acceptance='["tests pass", "no docs"]')
    assert ledger(session, "A").open == [1, 2]


@pytest.mark.parametrize(
    ("acceptance", "texts"),
    [
        (None, [None]),
        ("[]", [None]),
        ('"all of it"', ["all of it"]),
        ('{"n": 1.50}', ['{"n": 1.50}']),
        ('["a", 2, null]', ["a", "2", None]),
    ],
)
def test_a_card_has_as_many_criteria_as_its_list_and_at_least_one(acceptance, texts, session, card):
    card("A", acceptance=acceptance, gated=True)
    found = ledger(session, "A")
    assert [each.text for each in found.criteria] == texts
    assert found.open == list(range(1, len(texts) + 1))


# What is refused ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "error", "said"),
    [
        ({"by": "w"}, WrongState, "w is its worker"),
        ({"criterion": 3}, NotFound, "no criterion 3 but 2: 1 tests pass; 2 docs are written"),
        ({"criterion": 0}, UsageError, "criterion must be"),
        ({"evidence": " "}, UsageError, "evidence must not be blank"),
        ({"card_id": "C"}, NotFound, "there is no card C"),
        ({"by": "a\nb"}, UsageError, "by "),
    ],
)
def test_no_verdict(given, error, said, session, in_review):
    usual = {"card_id": "A", "criterion": 1, "passed": True, "evidence": "e", "by": "r"}
    with pytest.raises(error, match=said):
        verify(session, **{**usual, **given})
    assert ledger(session, "A").open == [1, 2]


def test_a_done_card_is_not_judged(session, card):
    card("A", done=True)
    with pytest.raises(WrongState, match="it is done; reopen it first"):
        judge(session, 1)


def test_a_card_that_changed_since_it_was_seen_is_not_judged(session, in_review):
    cards.edit(session, "A", title="another")
    with pytest.raises(Stale):
        judge(session, 1, seen=in_review.updated_at)


@pytest.mark.parametrize("state", ["claimed", "ready", "done", "blocked"])
def test_changes_are_requested_of_what_is_in_review_only(state, session, card):
    card("A", status=state)
    with pytest.raises(WrongState, match=f"it is {state}; only a card in review takes them"):
        request_changes(session, "A", "more", "r")


def test_what_is_blocked_for_another_reason_is_still_unblocked_first(session, card):
    card("A", blocked=True)
    with pytest.raises(WrongState, match="unblock it first"):
        moves.complete(session, "A")


# Held by the database -----------------------------------------------------------------------------

_VERDICT = "INSERT INTO backlog_verdict (card_id, criterion, passed, actor, attempt) VALUES"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE backlog SET status = 'done' WHERE id = 'A'",
        "UPDATE backlog SET status = 'done', acceptance = '[\"easy\"]' WHERE id = 'A'",
        "UPDATE backlog SET status = 'done', phase = 'GATED' WHERE id = 'R'",
        "INSERT INTO backlog (id, title, phase, status) VALUES ('B', 'b', 'GATED', 'done')",
        "UPDATE backlog SET resolution = NULL WHERE id = 'D'",
        f"{_VERDICT} ('A', 1, true, 'w', 1)",
        f"{_VERDICT} ('A', 3, true, 'r', 1)",
        f"{_VERDICT} ('A', 1, true, ' ', 1)",
        f"{_VERDICT} ('D', 1, true, 'r', 1)",
        f"{_VERDICT} ('nowhere', 1, true, 'r', 1)",
        "UPDATE backlog_verdict SET passed = true",
        "DELETE FROM backlog_verdict",
    ],
)
def test_nobody_gets_past_it(statement, session, card, in_review):
    card("D", gated=True)
    card("R")
    gates.gate(session, "GATED")
    session.execute("UPDATE backlog SET status = 'done', resolution = 'dropped' WHERE id = 'D'")
    judge(session, 1, passed=False)
    with pytest.raises(CheckViolation):
        session.execute(statement)
    assert cards.show(session, "A").in_review


def test_a_claimed_card_that_is_done_and_gated_by_one_statement_goes_into_review(session, claimed):
    gates.gate(session, "M1")
    session.execute("UPDATE backlog SET status = 'done', phase = 'M1'")
    assert cards.show(session, "A").in_review


@pytest.mark.parametrize("criterion", [1, None])
def test_who_numbers_a_verdict_does_not_make_it_the_newest_for_ever(session, in_review, criterion):
    sql = """
        INSERT INTO backlog_verdict (id, card_id, criterion, passed, actor, attempt)
        OVERRIDING SYSTEM VALUE VALUES (1000000, 'A', %s, false, 'r', 1)"""
    session.execute(sql, (criterion,))
    judge(session, 1)
    assert ledger(session, "A").open == [2]


def test_a_verdict_is_of_the_attempt_that_is_there(session, in_review):
    session.execute(f"{_VERDICT} ('A', 1, true, 'r', 77)")
    assert ledger(session, "A").criteria[0].attempt == 1


def test_a_completion_waits_for_the_verdict_that_is_being_given(session, other, in_review):
    judge(session, 1, 2)
    with other.transaction():
        judge(other, 2, passed=False)
        completing = Background(session, moves.complete, "A")
        assert completing.waits()
    assert isinstance(completing.error(), NotAccepted)


def test_a_verdict_waits_for_the_completion_and_is_refused(session, other, in_review):
    judge(session, 1, 2)
    with session.transaction():
        moves.complete(session, "A")
        judging = Background(other, verify, "A", 2, False, "e", "r")
        assert judging.waits()
    assert isinstance(judging.error(), WrongState)


# Each door of a completion ------------------------------------------------------------------------


def _claims_the_next(session):
    done, taken = claims.complete_and_claim(session, "A", "w", 1)
    assert taken.card.id == "N"
    return done


def _of_many_and_the_next(session):
    (outcome,), taken = batches.complete_many_and_claim(session, [Held("A", 1)], "w", 1)
    assert taken.card.id == "N"
    return outcome.card


DOORS = {
    "complete": lambda session: moves.complete(session, "A", "w", 1),
    "by hand": lambda session: moves.complete(session, "A"),
    "many": lambda session: batches.complete_many(session, [Held("A", 1)], "w")[0].card,
    "and claim": _claims_the_next,
    "many and claim": _of_many_and_the_next,
}


@pytest.mark.parametrize("door", DOORS)
def test_by_every_door_a_gated_card_goes_into_review(door, session, card, gated):
    card("N")
    assert DOORS[door](session).in_review


def test_a_gated_card_among_many_undoes_no_other(session, card):
    card("A", gated=True)
    card("B")
    refused, done = batches.complete_many(session, [Held("A"), Held("B")])
    assert isinstance(refused.refusal, NotAccepted)
    assert done.card.status == "done"


def test_a_card_in_review_is_done_among_many(session, card, in_review):
    judge(session, 1, 2)
    assert [each.card.status for each in batches.complete_many(session, [Held("A")])] == ["done"]


def test_a_worker_of_functions_goes_on_after_it(session, card):
    for name in "ABC":
        card(name, gated=name != "C")
    assert Worker(lambda job: job.id, "w", until="drain", concurrency=2).run() == "done"
    assert [cards.show(session, each).status for each in "ABC"] == ["blocked", "blocked", "done"]
    assert {each.outcome for name in "AB" for each in runs.runs(session, name)} == {"completed"}


def test_of_many_who_race_nobody_completes_what_has_not_passed(sessions, session, card):
    """Judges change their minds, while others complete: what is done was all passed then."""
    for n in range(8):
        card(f"C{n}", gated=True)

    def change_minds(at):
        for n in range(8):
            for passed in (False, True, False):
                try:
                    verify(at, f"C{n}", 1, passed, "e", "r")
                except WrongState:
                    break

    def complete_all(at):
        batches.complete_many(at, [Held(f"C{n}") for n in range(8)])

    racing = [
        threading.Thread(target=verb, args=(sessions(),))
        for verb in [change_minds] + [complete_all] * 3
    ]
    for each in racing:
        each.start()
    for each in racing:
        each.join(60)
    for n in range(8):
        done = cards.show(session, f"C{n}").status == "done"
        assert done == (not ledger(session, f"C{n}").open)
