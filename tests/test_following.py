"""Events as they come: each once, none left out, in whatever order their transactions end."""

import random
import time

import pytest

from backlog.store import storage
from backlog.verbs.history import _AWAITED, Follower, newest
from tests.workers import Background


@pytest.fixture
def follower(session):
    started = Follower()
    started.start(session, 0)
    return started


@pytest.fixture
def writer(store):
    """Makes open transactions: `writer()` gives a connection, to `commit()` or `rollback()`."""
    opened = []

    def begin():
        opened.append(storage.from_environment().connect())
        opened[-1].autocommit = False
        return opened[-1]

    yield begin
    for each in opened:
        each.close()


def _write(connection, card_id):
    connection.execute("INSERT INTO backlog (id, title) VALUES (%s, 'W')", [card_id])


def _ids(events):
    return [event.card_id for event in events]


def test_the_newest_events_come_oldest_first(session, card):
    for card_id in "ABCDE":
        card(card_id)
    assert _ids(newest(session, 3)) == ["C", "D", "E"]
    assert _ids(newest(session, 100))[-5:] == list("ABCDE")


def test_no_events_are_no_error(session):
    assert newest(session, 20) == []
    assert Follower().start(session, 20) == []


def test_the_newest_events_are_found_behind_a_wide_gap(session, card):
    card("A")
    session.execute("SELECT nextval(pg_get_serial_sequence('backlog_event', 'id'))"
                    " FROM generate_series(1, 5000)")  # fmt: skip
    assert _ids(newest(session, 1)) == ["A"]


def test_a_follower_begins_with_the_newest(session, card):
    for card_id in "ABC":
        card(card_id)
    follower = Follower()
    assert _ids(follower.start(session, 2)) == ["B", "C"]
    assert follower.poll(session) == []
    card("D")
    assert _ids(follower.poll(session)) == ["D"]


def test_events_that_commit_in_the_reverse_order_all_come(session, follower, writer):
    open_ones = {card_id: writer() for card_id in "ABCD"}
    for card_id, connection in open_ones.items():
        _write(connection, card_id)
    seen = []
    for card_id in "DCBA":
        open_ones[card_id].commit()
        seen += _ids(follower.poll(session))
    assert seen == ["D", "C", "B", "A"]
    assert follower.poll(session) == []


def test_what_was_rolled_back_is_given_up(session, follower, writer, card):
    lost = writer()
    _write(lost, "A")
    card("B")
    assert _ids(follower.poll(session)) == ["B"]
    assert len(follower._awaited) == 2
    lost.rollback()
    assert follower.poll(session) == []
    assert len(follower._awaited) == 1, "a gap that nobody can fill any more is remembered"


def test_a_gap_is_kept_for_a_transaction_above_the_snapshots_xmax(session, follower, writer):
    """Only a transaction id of one's own is above all that run: xmax follows what has ended.

    And the order of transaction ids is not that of events.
    """
    early, between, late = writer(), writer(), writer()
    for connection in (early, between, late):
        connection.execute("SELECT pg_current_xact_id()")
    _write(late, "A")  # the lower event id, the higher transaction id
    _write(early, "B")
    early.commit()
    assert _ids(follower.poll(session)) == ["B"]
    between.commit()
    assert follower.poll(session) == []
    late.commit()
    assert _ids(follower.poll(session)) == ["A"]


def test_a_transaction_from_before_the_start_is_waited_for(session, sessions, writer, card):
    card("A")
    early = writer()
    _write(early, "B")
    card("C")
    follower = Follower()
    starting = Background(sessions(), follower.start, 1)
    time.sleep(0.3)
    assert not starting.ended
    early.commit()
    assert _ids(starting.result()) == ["C"]
    assert follower.poll(session) == []


def test_a_transaction_that_runs_on_and_on_keeps_nobody_from_starting(session, writer, card):
    long = writer()
    _write(long, "A")
    card("B")
    follower = Follower()
    assert _ids(follower.start(session, 5)) == ["B"]
    long.commit()
    assert _ids(follower.poll(session)) == ["A"]


def test_a_follower_goes_on_with_another_session(session, sessions, follower, writer, card):
    late = writer()
    _write(late, "A")
    card("B")
    assert _ids(follower.poll(session)) == ["B"]
    late.commit()
    assert _ids(follower.poll(sessions())) == ["A"]


def _churn(connection, seed):
    """Transactions of several cards each that commit or roll back at random moments."""
    chance = random.Random(seed)  # noqa: S311 (not a secret)
    connection.autocommit = False
    for number in range(60):
        for part in range(chance.randrange(1, 4)):
            _write(connection, f"{seed}-{number}-{part}")
            time.sleep(chance.random() * 0.003)
        (connection.rollback if chance.random() < 0.3 else connection.commit)()


def test_many_writers_at_once_lose_and_repeat_nothing(session, sessions, follower):
    running = [Background(sessions(), lambda s, n: _churn(s._connection, n), n) for n in range(6)]
    seen = []
    while not all(each.ended for each in running):
        seen += [event.id for event in follower.poll(session)]
    assert [each.error() for each in running] == [None] * 6
    seen += [event.id for event in follower.poll(session)]
    rows = session.execute("SELECT id FROM backlog_event ORDER BY id").fetchall()
    assert sorted(seen) == [row[0] for row in rows]
    follower.poll(session)
    assert len(follower._awaited) == 1


@pytest.mark.one_tier
def test_following_a_million_events_reads_only_the_last(session):
    session.execute("""
        INSERT INTO backlog_event (card_id, at, actor, verb, attempt)
        SELECT 'c' || n, now(), 'x', 'edit', 0 FROM generate_series(1, 200000) n""")
    session.execute("SELECT brin_summarize_new_values('backlog_event_time')")
    session.execute("ANALYZE backlog_event")
    assert len(Follower().start(session, 20)) == 20
    plan = session.execute(f"EXPLAIN {_AWAITED}", ([1, 9], [1, 2**62])).fetchall()
    assert any("backlog_event_time" in line for (line,) in plan), plan
