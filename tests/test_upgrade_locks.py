"""An upgrade beside a running fleet: it waits in such a way that nobody waits behind it."""

from contextlib import closing

import psycopg
import pytest

from tests.test_upgrades import UNBOUNDED, earlier_store

pytestmark = pytest.mark.deep

CLAIM = "UPDATE backlog SET priority = 1 WHERE id = 'ready-1'"


@pytest.fixture
def held_up():
    """A store to be upgraded, and a report that has been reading it for a while."""
    with earlier_store(UNBOUNDED) as (on, store), closing(store.connect()) as report:
        report.execute("SET application_name = 'report'")
        report.execute("BEGIN")
        report.execute("SELECT FROM backlog")
        yield on, store, report


def test_claims_go_on_and_who_holds_it_up_is_named(held_up):
    on, store, report = held_up
    with on.start("list") as upgrading, closing(store.connect()) as worker:
        said = upgrading.stderr.readline()
        worker.execute("SET statement_timeout = '30s'")
        worker.execute(CLAIM)
        assert upgrading.poll() is None
        report.execute("ROLLBACK")
        upgrading.communicate(timeout=120)
    assert f"pid {report.info.backend_pid} (user {report.info.user}, report, since 20" in said
    assert upgrading.returncode == 0
    assert on("check").status == 0


def test_new_tables_stand_beside_the_old_ones(held_up):
    on, _, report = held_up
    report.execute("ROLLBACK")
    report.execute("CREATE SCHEMA other")
    report.execute("ALTER ROLE CURRENT_USER SET search_path = other, public")
    try:
        assert on("check").status == 0
    finally:
        report.execute("ALTER ROLE CURRENT_USER RESET ALL")
    left = "SELECT relname FROM pg_class WHERE relnamespace = 'other'::regnamespace"
    assert report.execute(left).fetchall() == []


def test_a_restore_that_is_held_up_gives_up_soon(held_up, tmp_path):
    on, _, report = held_up
    report.execute("ROLLBACK")
    assert on("store", "dump", str(tmp_path / "archive")).status == 0
    with psycopg.Connection.connect(report.info.dsn, password=report.info.password) as reader:
        reader.execute("SET application_name = 'report'")
        reader.execute("SELECT FROM backlog")
        ran = on("store", "restore", "--force", str(tmp_path / "archive"))
        said = f"pid {reader.info.backend_pid} (user {reader.info.user}, report, since 20"
    assert (ran.status, ran.err.count("\n")) == (1, 1)
    assert said in ran.err
