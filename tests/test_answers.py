"""What an operator says: the answer to a blocked card, and comments, which change nothing."""

import pytest
from psycopg.errors import CheckViolation

from backlog.errors import NotFound, UsageError
from backlog.lifecycle import LONGEST_TEXT
from backlog.verbs import batches, cards, claims, moves
from backlog.verbs.history import comment, history

pytestmark = pytest.mark.quick


@pytest.fixture
def question(card):
    """The card A, which asks something."""
    return card("A", blocked=True, reason="needs_input", note="which port?")


def test_the_next_attempts_are_given_the_answer(session, question):
    moves.unblock(session, "A", note="8080\nor 8081")
    assert claims.claim(session, "w").card.answer == "8080\nor 8081"
    moves.release(session, "A")
    assert claims.claim(session, "v").card.answer == "8080\nor 8081"


@pytest.mark.parametrize(
    "again",
    [
        lambda session: moves.block(session, "A", reason="needs_input", note="which host?"),
        lambda session: session.execute("UPDATE backlog SET status = 'blocked'"),
        lambda session: moves.release(session, "A"),
    ],
    ids=["block", "psql", "cap"],
)
def test_the_answer_goes_with_the_next_block(session, question, row, again):
    cards.edit(session, "A", max_attempts=1)
    moves.unblock(session, "A", note="8080")
    claims.claim(session, "w")
    again(session)
    assert row("status, answer") == ("blocked", None)


@pytest.mark.parametrize("blank", [None, "", " \n"])
def test_an_answer_may_be_missing(session, question, blank):
    assert moves.unblock(session, "A", note=blank).answer is None
    assert history(session, "A")[-1].note is None


def test_one_answer_is_given_to_many_cards(session, card, question):
    card("B")
    card("C", blocked=True)
    said = batches.unblock_many(session, ["A", "B", "C"], note="8080")
    assert [each.card and each.card.answer for each in said] == ["8080", None, "8080"]
    assert [each.note for each in history(session, "C")][-1] == "8080"


def test_an_answer_changed_by_hand_is_an_event(session, question):
    moves.unblock(session, "A", note="8080")
    session.execute("UPDATE backlog SET answer = '8081'")
    assert history(session, "A")[-1][4:] == ("edit", "ready", "ready", 0, "answer")


def test_an_answer_by_psql_is_told_like_any(session, question):
    session.execute("UPDATE backlog SET status = 'ready', answer = '8080'")
    assert history(session, "A")[-1][4:] == ("unblock", "blocked", "ready", 0, "8080")


# Comments -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["ready", "claimed", "blocked", "done"])
def test_a_comment_leaves_the_card_as_it_was_seen(session, card, state):
    seen = card("A", status=state)
    said = comment(session, "A", "see\nthe wiki")
    assert said == history(session, "A")[-1]
    assert (said.verb, said.to_status, said.note) == ("comment", state, "see\nthe wiki")
    assert cards.show(session, "A") == seen


@pytest.mark.parametrize(
    "change",
    [
        lambda session: cards.edit(session, "A", priority=7),
        lambda session: claims.claim(session, "w").cards[0],
        lambda session: moves.block(session, "A"),
    ],
    ids=["edit", "claim", "block"],
)
def test_a_comment_and_a_change_do_not_wait_for_each_other(session, other, card, change):
    card("A")
    other.execute("SET lock_timeout = '1s'")
    with session.transaction():
        comment(session, "A", "before")
        change(other)
    with session.transaction():
        cards.edit(session, "A", priority=8)
        assert comment(other, "A", "after").verb == "comment"


def test_a_comment_is_never_changed(session, card):
    card("A")
    comment(session, "A", "hm")
    with pytest.raises(CheckViolation, match="never changed"):
        session.execute("UPDATE backlog_event SET note = 'other' WHERE verb = 'comment'")


@pytest.mark.one_tier
@pytest.mark.parametrize("note", ["", " \n", "a\0", "x" * (LONGEST_TEXT + 1), 5])
def test_what_is_no_comment_is_refused(session, card, note):
    card("A")
    with pytest.raises(UsageError, match="note must"):
        comment(session, "A", note)
    assert len(history(session, "A")) == 1


def test_a_comment_on_no_card_is_refused(session):
    with pytest.raises(NotFound, match="there is no card A"):
        comment(session, "A", "hm")


# The command --------------------------------------------------------------------------------------


@pytest.mark.one_tier
def test_the_command_answers_many(call, card, question):
    card("B")
    ran = call("unblock", "--ids", "A,B", "--note", "8080", "--json")
    assert ran.status == 1
    assert [each.get("card", {}).get("answer") for each in ran.json] == ["8080", None]


@pytest.mark.one_tier
def test_the_command_comments_on_the_card_that_a_worker_holds(call, claimed, monkeypatch):
    monkeypatch.setenv("BACKLOG_CARD_ID", "A")
    said = call("comment", "--note", "see the wiki", "--json").json
    assert (said["cardId"], said["verb"], said["attempt"]) == ("A", "comment", 1)
    assert call("history", "--json").json[-1] == said
    assert call("comment").status == 2
