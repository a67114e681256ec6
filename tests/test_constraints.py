"""What a card can never be, by its types and constraints; counters that come to their end."""

# The statements are put together from this file's constants.
# ruff: noqa: S608

import random

import pytest
from psycopg import errors

from backlog.lifecycle import LONGEST_KEY, LONGEST_NAME, MOST_COUNTED
from backlog.verbs import cards, claims, doctor, moves, rules
from backlog.verbs.pool import Pool

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
    "an unknown reason": ("block_reason_known", "block_reason = 'bored'"),
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
    "an id longer than an index holds": ("name_length", "id = repeat('x', 256)"),
    "an owner longer than that": ("name_length", "claim_owner = repeat('x', 256)"),
    "a phase longer than that": ("label_length", "phase = repeat('x', 256)"),
    "a role longer than that": ("label_length", "role = repeat('x', 256)"),
    "a dependency longer than that": (
        "ids_length",
        "depends_on = jsonb_build_array(repeat('x', 256))",
    ),
    "a key longer than that": ("key_length", "idempotency_key = repeat('x', 501)"),
    "a title that no page holds": ("line_length", "title = repeat('x', 4000001)"),
    "a body that no page holds": ("text_length", "body = repeat('x', 4000001)"),
    "a note that no page holds": ("text_length", "block_note = repeat('x', 4000001)"),
    "numbers that no page holds": (
        "document_length",
        "acceptance = (SELECT jsonb_agg(1e131071) FROM generate_series(1, 31))",
    ),
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


# What stands in the other tables.
ELSEWHERE = {
    "a cost that is no number": (
        "cost_in_range",
        """INSERT INTO backlog_ended_run (card_id, owner, started_at, ended_at, outcome, cost)
        VALUES ('A', 'w', now(), now(), 'failed', 'NaN')""",
    ),
    "a result that no page holds": (
        "document_length",
        """INSERT INTO backlog_ended_run (card_id, owner, started_at, ended_at, outcome, result)
        SELECT 'A', 'w', now(), now(), 'failed', jsonb_agg(1e131071) FROM generate_series(1, 31)""",
    ),
    "a rule about more than a phase can be": (
        "rule_name_length",
        """INSERT INTO backlog_rule (kind, scope, name, most, actor)
        VALUES ('limit', 'phase', repeat('x', 256), 1, 'x')""",
    ),
    "a limit at the end of its type": (
        "count_in_range",
        """INSERT INTO backlog_rule (kind, scope, name, most, actor)
        VALUES ('limit', 'phase', 'x', 2147483647, 'x')""",
    ),
    "attempts of a deleted card at the end of their type": (
        "count_in_range",
        "INSERT INTO backlog_deleted (id, attempts) VALUES ('A', 2147483647)",
    ),
    "an event of infinity": (
        "timestamp_in_range",
        """INSERT INTO backlog_event (card_id, at, actor, verb, attempt)
        VALUES ('A', 'infinity', 'x', 'x', 1)""",
    ),
}


@pytest.mark.parametrize(("constraint", "change"), ELSEWHERE.values(), ids=ELSEWHERE)
def test_what_a_row_can_never_be_is_refused_where_triggers_are_disabled(
    constraint, change, session, store
):
    session.execute("SET session_replication_role = replica")
    with pytest.raises(errors.CheckViolation, match=f"backlog_{constraint}"):
        session.execute(change)


def longest(seed: int, length: int = LONGEST_NAME) -> str:
    """Of characters of four bytes that nothing compresses: the most that an index has to hold."""
    return "".join(map(chr, random.Random(seed).choices(range(0x20000, 0x2A000), k=length)))  # noqa: S311 (not a secret)


def test_the_longest_names_go_through_every_index(session):
    names = {"phase": longest(1), "role": longest(2), "idempotency_key": longest(3, LONGEST_KEY)}
    first, then, owner = longest(4), longest(5), longest(6)
    cards.create(session, first, "First", **names)
    cards.create(session, then, "Then", depends_on=[first], phase=names["phase"])
    rules.limit(session, "phase", names["phase"], MOST_COUNTED)
    rules.limit(session, "owner", owner, MOST_COUNTED)
    assert claims.claim(session, owner, 60, Pool(role=names["role"])).card.id == first
    assert moves.release(session, first, owner, delay=60).held
    assert moves.block(session, first).status == "blocked"
    assert moves.unblock(session, first).status == "ready"
    assert moves.complete(session, first).status == "done"
    assert claims.claim(session, owner).card.id == then
    assert cards.delete(session, then).id == then


FULL = "UPDATE backlog SET attempts = 2000000000"


def test_a_card_whose_attempts_are_at_their_end_is_claimed_like_any_other(session, card):
    card("A", max_attempts=0)
    session.execute(FULL)
    for _ in range(3):
        taken = claims.claim(session, "w", 60).card
        assert (taken.id, taken.attempts) == ("A", 2_000_000_000)
        assert moves.release(session, "A", "w").status == "ready"
    (found,) = doctor.everything(session)
    assert (found.id, found.kind) == ("A", "beyond")
    assert found.message == "attempts has come to 2000000000, near the end of what can be counted"
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
