"""A worker of functions and its store: leases, stores that go away, Django's connection, a kill."""

import os
import signal
import subprocess
import sys
import threading
from contextlib import closing, contextmanager

import psycopg
import pytest
from django.db import connection

from backlog.connection import open_session
from backlog.errors import StoreUnavailable, UsageError
from backlog.models import Card
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.store.embedded import Store
from backlog.verbs import check, moves, runs
from backlog.worker import Worker
from tests import kept
from tests.command import PROJECT
from tests.worker import last_run, status_of, until

pytestmark = pytest.mark.one_tier


class Watched(PsycopgSession):
    """Keeps the parameters of the statements that have this in them, and does as told with each."""

    def __init__(self, opened, words, seen, meddle):
        super().__init__(opened)
        self._words, self._seen, self._meddle = words, seen, meddle

    def rows(self, sql, params=()):
        return self._run([(sql, params)], lambda: super(Watched, self).rows(sql, params))

    def trip(self, *statements):
        return self._run(statements, lambda: super(Watched, self).trip(*statements))

    def _run(self, statements, run):
        seen = [params for sql, params in statements if self._words in sql]
        self._seen.extend(seen)
        return self._meddle(len(self._seen), run) if seen else run()


NOBODY_ELSE = """NOT EXISTS (SELECT FROM pg_stat_activity WHERE state = 'active'
    AND datname = current_database() AND pid <> pg_backend_pid())"""


def watched(words, seen, meddle=lambda count, run: run()):
    @contextmanager
    def opened():
        with closing(storage.from_environment().connect()) as connection:
            yield Watched(connection, words, seen, meddle)

    return opened


def test_who_locks_a_card_holds_up_no_other_card_s_renewal(session, sessions, card):
    def work(job):
        if job.id == "B":
            other = sessions()
            with other.transaction():
                other.execute("SELECT FROM backlog WHERE id = 'B' FOR UPDATE")
                assert job.ended.wait(30)
            over.set()
        else:
            assert over.wait(30)
        heard[job.id] = job.why

    heard: dict[str, str | None] = {}
    over = threading.Event()
    card("A")
    card("B")
    Worker(work, "w", until="drain", ttl=2, concurrency=2).run()
    assert heard == {"A": None, "B": "expired"}
    assert status_of(session, "A") == "done"


def test_what_is_done_is_kept_until_that_can_be_told(session, other, card):
    lease = "SELECT claimed_at FROM backlog WHERE id = 'B'"
    waits = "SELECT pid FROM pg_locks WHERE NOT granted"
    locked = threading.Event()

    def work(job):
        if job.id == "B":
            assert locked.wait(30)
            until(lambda: session.execute(waits).fetchall())  # A's end cannot be told
            begun.append(session.execute(lease).fetchone())
        else:
            other.execute("BEGIN")
            other.execute("SELECT FROM backlog WHERE id = 'A' FOR UPDATE")
            locked.set()

    begun: list[object] = []
    card("A")
    card("B")
    worker = Worker(work, "w", ttl=2, concurrency=2)
    thread = threading.Thread(target=worker.run)
    thread.start()
    until(lambda: begun and session.execute(lease).fetchone() > begun[0])
    other.execute("COMMIT")
    until(lambda: status_of(session, "B") == "done")
    worker.stop()
    thread.join(30)
    assert not thread.is_alive()


def test_a_hundred_leases_are_kept_by_one_statement_a_renewal(session, card):
    for n in range(100):
        card(f"c{n}")
    renewals = []
    lease = "SELECT min(claimed_at) FROM backlog WHERE status = 'claimed'"

    def work(job):
        begun = session.execute(lease).fetchone()
        until(lambda: len(renewals) == 2 and session.execute(lease).fetchone() > begun)
        worker.stop()

    store = watched("claimed_at = clock_timestamp(), claim_ttl_seconds = coalesce", renewals)
    worker = Worker(work, "w", ttl=4, prefetch=99, store=store)
    assert worker.run() == "done"
    assert [len(params[0]) for params in renewals] == [100, 100]
    assert [run.outcome for run in runs.runs(session, "c99")] == ["released"]


@pytest.mark.parametrize("is_heard", [False, True], ids=["asked in vain", "answered in vain"])
def test_completions_outlast_a_store_that_goes_away(session, card, is_heard):
    def meddle(count, run):
        if is_heard or count > 3:
            run()
        if count <= 3:
            raise psycopg.OperationalError("the connection is lost")
        return run()

    for n in range(4):
        card(f"c{n}", max_attempts=1)
    completions = []
    store = watched("'done'", completions, meddle)
    Worker(lambda job: job.id, "w", until="drain", prefetch=3, store=store).run()
    assert len(completions) > 3
    for n in range(4):
        assert [run.result for run in runs.runs(session, f"c{n}")] == [f'"c{n}"']


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("nonsense", "store must begin with postgres://"),
        ("", "store must begin with postgres://"),
        ("postgresql://h/db?nonsense=1", "store cannot be read: "),
    ],
)
def test_a_store_that_is_none_is_told_as_it_was_given(url, sentence):
    with pytest.raises(UsageError, match=sentence):
        Worker(print, "w", store=url).run()


def test_a_store_that_cannot_be_reached_at_the_start_is_told_at_once():
    worker = Worker(print, "w", store="postgresql://u:p@127.0.0.1:1/db")
    with pytest.raises(StoreUnavailable, match="the database cannot be used"):
        worker.run()


def test_a_claim_that_is_refused_costs_no_completion(session, card):
    begun, refused = threading.Event(), threading.Event()

    def work(job):
        begun.set()
        return refused.wait(30)

    def meddle(count, run):
        if count < 2:
            return run()
        assert begun.wait(30)
        refused.set()
        raise type("Complaint", (psycopg.DatabaseError,), {"sqlstate": "22003"})("no")

    card("A")
    store = watched("SET status = 'claimed'", [], meddle)
    with pytest.raises(UsageError):
        Worker(work, "w", until="drain", concurrency=2, store=store).run()
    assert last_run(session, "A").result == "true"


@pytest.mark.django_db(transaction=True)
def test_a_function_may_use_the_orm_and_leaves_no_connection_open(session, card):
    def work(job):
        used.append(connection.connection or connection.ensure_connection())
        return Card.objects.get(pk=job.id).title

    card("A")
    used = []
    before = session.execute(kept.IN_USE).fetchone()
    Worker(work, "w", until="drain", concurrency=3, store=open_session).run()
    assert last_run(session, "A").result == '"Card A"'
    until(lambda: session.execute(kept.IN_USE).fetchone() == before)


@pytest.fixture
def url(store):
    """The store of the run, as if it were a server."""
    at = Store(storage.from_environment().root).connect_params()
    return f"postgresql:///{at['dbname']}?host={at['host']}&port={at['port']}&user={at['user']}"


PROGRAM = """
import os, sys, time
from backlog.worker import Worker
def work(job):
    os.write(1, f"{job.id}\\n".encode())
    time.sleep(float(sys.argv[2]))
    return 1
Worker(work, "w", store=sys.argv[1], until="drain", prefetch=20, concurrency=2).run()
assert "django" not in sys.modules
"""


@contextmanager
def program(url, pause):
    env = {name: value for name, value in os.environ.items() if name != "BACKLOG_DATA_DIR"}
    words = [sys.executable, "-c", PROGRAM, url, pause]
    with subprocess.Popen(words, cwd=PROJECT, env=env, stdout=subprocess.PIPE) as process:
        yield process


def test_a_worker_of_a_url_needs_no_django(session, card, url):
    card("A")
    with program(url, "0") as process:
        assert process.communicate(timeout=60) == (b"A\n", None)
    assert (process.returncode, status_of(session, "A")) == (0, "done")


def test_a_kill_loses_nothing_that_was_told_and_all_else_comes_back(session, card, url):
    for n in range(60):
        card(f"c{n:02}")
    done = "SELECT count(*) FROM backlog WHERE status = 'done'"
    with program(url, "0.01") as process:
        until(lambda: session.execute(done).fetchone()[0] > 5)
        process.send_signal(signal.SIGKILL)
    until(lambda: session.execute(f"SELECT {NOBODY_ELSE}").fetchone()[0])  # what was asked is done
    told = session.execute(done).fetchone()[0]
    session.execute("UPDATE backlog SET claimed_at = claimed_at - interval '1 day'")
    assert 0 < len(moves.reclaim(session)) <= 22
    assert session.execute(done).fetchone()[0] == told
    Worker(lambda job: 1, "v", until="drain", prefetch=20).run()
    completed = "SELECT count(*), count(DISTINCT card_id) FROM backlog_ended_run WHERE outcome = %s"
    assert session.execute(completed, ["completed"]).fetchone() == (60, 60)
    assert check.recount(session).ok


def test_sigterm_stops_it_on_the_main_thread(session, card):
    card("A")

    def work(job):
        os.kill(os.getpid(), signal.SIGTERM)

    before = signal.getsignal(signal.SIGTERM)
    assert Worker(work, "w").run() == "done"
    assert (status_of(session, "A"), signal.getsignal(signal.SIGTERM)) == ("done", before)
    assert threading.current_thread() is threading.main_thread()
