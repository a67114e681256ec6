"""Why a card is blocked, how often, and since when it is what it is: whoever writes."""

import pytest
from psycopg import errors

from backlog.session import PsycopgSession
from backlog.verbs import cards, claims, moves
from backlog.verbs.history import history

pytestmark = pytest.mark.quick


# Since when ---------------------------------------------------------------------------------------


def test_the_status_has_its_time_until_it_changes(session, card, row):
    card("A")
    (created,) = row("status_changed_at")
    cards.edit(session, "A", title="t", priority=4)
    assert row("status_changed_at") == (created,)
    moves.block(session, "A")
    assert row("status_changed_at = updated_at, status_changed_at > created_at") == (True, True)


def test_a_claim_and_each_takeover_has_its_time(session, card, row):
    card("A")
    claims.claim(session, "w")
    assert row("status_changed_at = claimed_at") == (True,)
    (first,) = row("status_changed_at")
    session.execute("UPDATE backlog SET claim_owner = 'v', claimed_at = clock_timestamp()")
    assert row("status_changed_at")[0] > first


@pytest.mark.parametrize("change", ["", ", status = 'done'", ", title = 't'"])
def test_what_is_derived_cannot_be_written_by_hand(change, session, card, row):
    card("A")
    session.execute(
        f"UPDATE backlog SET status_changed_at = '2020-01-01Z', block_count = 7{change}"  # noqa: S608 (this file's own words)
    )
    assert row("status_changed_at >= created_at, block_count") == (True, 0)


# Why blocked --------------------------------------------------------------------------------------


def _block_and_back(session: PsycopgSession, *reasons: str) -> None:
    for reason in reasons:
        moves.block(session, "A", reason=reason)
        moves.unblock(session, "A")


def test_repeats_of_a_reason_are_counted_and_survive_unblock(session, card, row):
    card("A")
    _block_and_back(session, "needs_input", "needs_input", "needs_input")
    assert row("block_reason, block_count") == ("needs_input", 3)


def test_another_reason_counts_from_one(session, card, row):
    card("A")
    _block_and_back(session, "needs_input", "needs_input", "transient")
    assert row("block_reason, block_count") == ("transient", 1)


def test_a_block_without_a_note_drops_the_one_before(session, card, row):
    card("A", blocked=True, note="which port?")
    moves.unblock(session, "A")
    moves.block(session, "A")
    assert row("block_reason, block_note") == ("other", None)


@pytest.mark.parametrize(
    "sql",
    [
        "UPDATE backlog SET status = 'blocked', block_reason = 'bored'",
        "UPDATE backlog SET block_reason = 'bored'",
        "INSERT INTO backlog (id, title, status, block_reason) SELECT 'B', 'b', 'blocked', 'bored'",
    ],
)
def test_an_unknown_reason_is_refused(sql, session, card):
    card("A")
    with pytest.raises(errors.CheckViolation, match="backlog_block_reason_known"):
        session.execute(sql)


def test_a_blocked_card_has_a_reason(session, card):
    card("A", blocked=True)
    with pytest.raises(errors.CheckViolation, match="backlog_blocked_for_a_reason"):
        session.execute("UPDATE backlog SET block_reason = NULL")


def test_another_reason_of_the_same_block_is_an_event(session, card):
    card("A", blocked=True)
    session.execute("UPDATE backlog SET block_note = 'which port?'")
    *_, event = history(session, "A")
    assert (event.verb, event.to_status, event.note) == ("edit", "blocked", "reason of its block")
