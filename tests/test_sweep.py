"""Sweeps: expired claims return, held cards wake, what is old is forgotten; any number at once."""

import json
import os
import signal
from contextlib import contextmanager, nullcontext
from threading import Event

import psycopg
import pytest

from backlog.verbs import cards, claims, moves
from backlog.verbs.runs import Report
from backlog.verbs.sweep import Swept, sweep
from tests.command import On
from tests.worker import until
from tests.workers import Background


@pytest.fixture
def age(past_triggers):
    """Makes everything that happened so far old."""
    return lambda: past_triggers(
        "UPDATE backlog_event SET at = '2020-01-01Z'",
        "UPDATE backlog_ended_run SET ended_at = '2020-01-01Z'",
    )


def kept(session):
    """The cards with events, and those with runs."""
    sql = """
        SELECT ARRAY(SELECT DISTINCT card_id FROM backlog_event ORDER BY 1),
            ARRAY(SELECT DISTINCT card_id FROM backlog_ended_run ORDER BY 1)"""
    return session.execute(sql).fetchone()


def _expire(session, number):
    session.execute(
        "INSERT INTO backlog (id, title, status, claim_owner, claim_ttl_seconds, claimed_at)"
        " SELECT 'e' || n, 'T', 'claimed', 'w', 1, '2020-01-01Z' FROM generate_series(1, %s) n",
        [number],
    )


def test_a_sweep_reclaims_and_wakes(session, card):
    _expire(session, 1)
    card("A")
    session.execute("UPDATE backlog SET not_before = clock_timestamp() + interval '1 s'"
                    " WHERE id = 'A'")  # fmt: skip
    session.execute("SELECT pg_sleep_until(not_before) FROM backlog WHERE id = 'A'")
    assert sweep(session) == Swept(["e1"], 1, 0, 0)
    assert sweep(session) == Swept([], 0, 0, 0)


def test_nothing_is_forgotten_unless_asked(session, claimed, age):
    moves.complete(session, "A")
    age()
    assert sweep(session) == Swept([], 0, 0, 0)
    assert kept(session) == (["A"], ["A"])


def test_what_is_old_is_forgotten_of_cards_that_are_done_or_gone(session, card, age):
    for card_id in ("done", "gone", "open", "needed", "young"):
        card(card_id, priority=1)
    card("waits", needs=["needed", "open"])
    for card_id in ("done", "gone", "open", "needed"):
        claims.claim(session, "w", card_id=card_id)
    for card_id in ("done", "needed"):
        moves.complete(session, card_id, report=Report(summary="well"))
    cards.delete(session, "gone")
    moves.block(session, "open")
    age()
    moves.complete(session, "young")
    swept = sweep(session, 30)
    assert kept(session) == (["open", "waits", "young"], ["needed", "open", "young"])
    assert swept.runs == 2


def test_what_is_younger_than_asked_is_kept(session, card):
    card("A", done=True)
    assert sweep(session, 1) == Swept([], 0, 0, 0)
    assert kept(session) == (["A"], ["A"])


def test_many_events_are_forgotten_in_batches(session, card, age):
    session.execute("""
        INSERT INTO backlog_event (card_id, actor, verb, attempt)
        SELECT 'gone', 'x', 'edit', 0 FROM generate_series(1, 25000)""")
    age()
    assert sweep(session, 1).events == 25_000


def test_sweeps_at_once_share_the_work(session, sessions):
    _expire(session, 300)
    running = [Background(sessions(), sweep) for _ in range(6)]
    reclaimed = [card for each in running for card in each.result().reclaimed]
    reclaimed += sweep(session).reclaimed
    assert sorted(reclaimed) == sorted(f"e{n}" for n in range(1, 301))


# At the command line ------------------------------------------------------------------------------


@pytest.mark.one_tier
def test_one_pass_says_what_it_did(call, session):
    _expire(session, 2)
    assert call("sweep", "--json").json == {
        "reclaimed": ["e1", "e2"], "woken": 0, "pruned": {"events": 0, "runs": 0},
    }  # fmt: skip
    assert call("sweep").out == "reclaimed: -; woken: 0; pruned: 0 events, 0 runs\n"


@pytest.mark.one_tier
@pytest.mark.parametrize("days", ["many", "-1", "1.5"])
def test_a_retention_that_is_no_number_is_wrong_usage(call, monkeypatch, days):
    monkeypatch.setenv("BACKLOG_RETENTION_DAYS", days)
    ran = call("sweep")
    assert (ran.status, ran.out, ran.err.count("\n")) == (2, "", 1)
    assert "BACKLOG_RETENTION_DAYS" in ran.err


@pytest.mark.one_tier
@pytest.mark.parametrize("seconds", ["0", "-1", "x", ""])
def test_an_interval_that_is_none_is_wrong_usage(call, seconds):
    assert call("sweep", f"--every={seconds}").status == 2


@contextmanager
def _sweeping(**env):
    with On(**{**os.environ, **env}).start("sweep", "--every", "1", "--json") as process:
        try:
            yield process
        finally:
            process.kill()


@pytest.mark.one_tier
@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_for_ever_is_a_line_a_pass_that_did_something_until_it_is_told_to_stop(session, sig):
    _expire(session, 1)
    with _sweeping() as process:
        assert json.loads(process.stdout.readline())["reclaimed"] == ["e1"]
        session.execute("UPDATE backlog SET not_before = now() + interval '1 s'")
        assert json.loads(process.stdout.readline())["woken"] == 1
        process.send_signal(sig)
        assert process.communicate(timeout=20) == ("", "")
        assert process.returncode == 0


def test_processes_at_once_reclaim_each_card_once(session):
    with _sweeping() as a, _sweeping() as b, _sweeping() as c:
        _expire(session, 200)
        claimed = "SELECT count(*) FROM backlog WHERE status = 'claimed'"
        until(lambda: session.execute(claimed).fetchone() == (0,))
        events = session.execute("SELECT count(*) FROM backlog_event WHERE verb = 'reclaim'")
        assert events.fetchone()[0] == 200
        assert [each.poll() for each in (a, b, c)] == [None] * 3


@pytest.mark.deep
@pytest.mark.one_tier
def test_it_outlives_a_restart_of_the_database_and_says_so_once(server):
    assert On(DATABASE_URL=server.url)("stats").status == 0
    with _sweeping(DATABASE_URL=server.url) as process:
        with psycopg.connect(server.url, autocommit=True) as connection:
            _expire(connection, 1)
        assert json.loads(process.stdout.readline())["reclaimed"] == ["e1"]
        server.pause()
        assert "; trying again" in process.stderr.readline()
        server.resume()
        assert process.stderr.readline() == "the database is back\n"
        with psycopg.connect(server.url, autocommit=True) as connection:
            connection.execute("DELETE FROM backlog")
            _expire(connection, 2)
        assert json.loads(process.stdout.readline())["reclaimed"] == ["e1", "e2"]
        process.terminate()
        assert process.wait(20) == 0


def test_sweeps_that_go_on_look_at_a_large_backlog_beside_their_passes(
    session, card, call, monkeypatch
):
    monkeypatch.setattr("backlog.verbs.kept.SMALL", 0)
    card("A")
    session.execute("ANALYZE backlog")
    looked = Event()
    monkeypatch.setattr("backlog.verbs.sweep.look", lambda session, paced: looked.set())
    monkeypatch.setattr("backlog.cli.sweep._until_told", lambda: nullcontext(looked.wait))
    assert call("sweep", "--every", "60").status == 0
    assert looked.is_set()
