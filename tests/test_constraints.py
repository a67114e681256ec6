"""What a card can never be, by its types and constraints; counters that come to their end."""

# The statements are put together from this file's constants.
# ruff: noqa: S608

import pytest
from psycopg import errors

from backlog.verbs import cards, claims, moves

pytestmark = pytest.mark.quick


@pytest.mark.parametrize("value", ["true", "false"])
def test_what_is_claimable_can_not_be_written_at_all(value, session, card):
    card("A")
    with pytest.raises(errors.GeneratedAlways):
        session.execute(f"UPDATE backlog SET claimable = {value}")
    with pytest.raises(errors.GeneratedAlways):
        session.execute(f"INSERT INTO backlog (id, title, claimable) VALUES ('B', 'b', {value})")


NEVER = {
    "an unknown status": ("status_known", "status = 'open'"),
    "claimed by nobody": ("claimed_iff_held", "status = 'claimed'"),
    "claimed without a time": (
        "claimed_iff_held",
        "status = 'claimed', claim_owner = 'w', claim_ttl_seconds = 60",
    ),
    "ready and held by somebody": ("claimed_iff_held", "claim_owner = 'w'"),
    "a blank title": ("not_blank", "title = E' \\t'"),
    "a blank id": ("not_blank", "id = ' '"),
    "blocked for no reason": ("blocked_for_a_reason", "status = 'blocked'"),
    "an unknown reason": ("blocked_for_a_reason", "block_reason = 'bored'"),
    "negative attempts": ("count_in_range", "attempts = -1"),
    "attempts at the end of their type": ("count_in_range", "attempts = 2147483647"),
    "forgiven attempts at the end": ("count_in_range", "attempts_forgiven = 2147483647"),
    "blocks at the end of their type": ("count_in_range", "block_count = 2147483647"),
    "a claim for no time": ("seconds_in_range", "claim_ttl_seconds = 0"),
    "a negative cap": ("count_in_range", "max_attempts = -1"),
    "created in the infinite past": ("timestamp_in_range", "created_at = '-infinity'"),
    "created before time": ("timestamp_in_range", "created_at = '0044-03-15Z BC'"),
    "changed in the infinite future": ("timestamp_in_range", "updated_at = 'infinity'"),
    "not before the infinite future": ("timestamp_in_range", "not_before = 'infinity'"),
    "not before the year 10000": ("timestamp_in_range", "not_before = '10000-01-01Z'"),
    "since infinity": ("timestamp_in_range", "status_changed_at = 'infinity'"),
    "an expiry that nobody can read": ("timestamp_in_range", "claim_expires_at = '10000-01-01Z'"),
    "no array": ("ids_of_cards", """depends_on = '{"B": 1}'"""),
    "an array of numbers": ("ids_of_cards", "depends_on = '[1]'"),
    "a blank dependency": ("ids_of_cards", """depends_on = '["B", " "]'"""),
    "itself as a dependency": ("depends_on_others", """depends_on = '["B", "A"]'"""),
}


@pytest.mark.parametrize(("constraint", "change"), NEVER.values(), ids=NEVER)
def test_what_a_card_can_never_be_is_refused_where_triggers_are_disabled(
    constraint, change, session, card
):
    before = card("A")
    session.execute("SET session_replication_role = replica")
    with pytest.raises(errors.CheckViolation, match=f"backlog_{constraint}"):
        session.execute(f"UPDATE backlog SET {change}")
    assert cards.show(session, "A") == before


FULL = "UPDATE backlog SET attempts = 2000000000"


def test_a_card_whose_attempts_are_at_their_end_is_claimed_like_any_other(session, card):
    card("A", max_attempts=0)
    session.execute(FULL)
    for _ in range(3):
        taken = claims.claim(session, "w", 60).card
        assert (taken.id, taken.attempts) == ("A", 2_000_000_000)
        assert moves.release(session, "A", "w").status == "ready"
    assert moves.complete(session, "A").status == "done"


def test_a_card_whose_blocks_are_at_their_end_is_blocked_again(session, card):
    card("A", blocked=True)
    session.execute("SET session_replication_role = replica")
    session.execute("UPDATE backlog SET block_count = 2000000000")
    session.execute("RESET session_replication_role")
    moves.unblock(session, "A")
    assert moves.block(session, "A").block_count == 2_000_000_000


def test_an_id_is_used_again_after_attempts_at_their_end(session, card):
    card("A", max_attempts=0)
    session.execute(FULL)
    cards.delete(session, "A")
    card("A")
    assert claims.claim(session, "w").card.attempts == 2_000_000_000
