"""What a database complains of now may be well in a while: nothing is lost or ended for it."""

import shlex
from contextlib import closing, contextmanager, nullcontext
from types import SimpleNamespace

import psycopg
import pytest

from backlog.cli.loops import repeat
from backlog.errors import SchemaTooNew
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import runs
from backlog.worker.plan import DRAIN, ONCE, Plan
from backlog.worker.worker import DONE
from backlog.worker.worker import work as run
from tests.command import On
from tests.worker import status_of, until, working

pytestmark = pytest.mark.one_tier

CURABLE = [
    *("08006", "0A000", "25006", "25P03", "25P04", "26000", "28000", "3D000", "40001", "40P01"),
    *("42501", "42P01", "53200", "53300", "54000", "55006", "55P03", "57014", "57P01", "57P03"),
    *("58030", "XX000"),
]


def error(state):
    return type("Complaint", (psycopg.DatabaseError,), {"sqlstate": state})("no")


@pytest.fixture
def complaining(tmp_path):
    """Opens sessions on which every statement fails twice; `renewed` is made by a renewal."""
    said = {}

    class Complaining(PsycopgSession):
        def rows(self, sql, params=()):
            return self._run(super().rows, sql, params)

        def execute(self, sql, params=()):
            return self._run(super().execute, sql, params)

        def _run(self, run, sql, params):
            said[sql] = said.get(sql, 0) + 1
            if said[sql] <= 2:
                raise error(complaining.state)
            result = run(sql, params)
            if "claimed_at = clock_timestamp()" in sql and "claim_owner = %s" in sql:
                (tmp_path / "renewed").touch()
            return result

    @contextmanager
    def opened():
        with closing(storage.from_environment().connect()) as connection:
            yield Complaining(connection)

    complaining = SimpleNamespace(opened=opened, state="")
    return complaining


@pytest.mark.parametrize("state", CURABLE)
def test_no_complaint_of_the_moment_ends_a_command_or_loses_its_end(
    session, card, complaining, tmp_path, state
):
    """It meets the claim, the renewal and the completion."""
    card("A")
    complaining.state = state
    script = f"until [ -e {shlex.quote(str(tmp_path))}/renewed ]; do sleep 0.05; done"
    plan = Plan("w", ["sh", "-c", script], {b"PATH": b"/usr/bin:/bin"}, ttl=9, until=ONCE)
    assert run(complaining.opened, plan) == DONE
    assert [(each.attempt, each.outcome) for each in runs.runs(session, "A")] == [(1, "completed")]


@pytest.mark.parametrize("is_heard", [False, True], ids=["asked in vain", "answered in vain"])
def test_a_completion_is_told_although_the_trip_that_brings_the_next_card_breaks(
    session, card, is_heard
):
    class Breaking(PsycopgSession):
        def rows(self, sql, *more):
            if "seen AS MATERIALIZED" not in sql:  # of a completion that claims the next card too
                return super().rows(sql, *more)
            if is_heard:
                super().rows(sql, *more)
            raise error("08006")

    @contextmanager
    def opened():
        with closing(storage.from_environment().connect()) as connection:
            yield Breaking(connection)

    card("A")
    card("B")
    assert run(opened, Plan("w", ["/bin/true"], {}, until=DRAIN)) == DONE
    assert [each.outcome for each in runs.runs(session, "A")] == ["completed"]
    assert status_of(session, "B") == ("claimed" if is_heard else "done")


@pytest.mark.parametrize("state", [*CURABLE, "22003", "23514", "22008"])
def test_what_goes_on_for_ever_outlives_every_complaint(state, capsys):
    steps = iter([error(state), error(state), ["well"]])

    def step(session):
        outcome = next(steps)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    ends = iter([False, False, True])
    assert list(repeat(None, nullcontext, step, 1, lambda seconds: next(ends))) == ["well"]
    assert capsys.readouterr().err.count("; trying again") == 1


def test_a_newer_schema_is_not_waited_for():
    def step(session):
        raise SchemaTooNew("newer")

    with pytest.raises(SchemaTooNew):
        list(repeat(None, nullcontext, step, 1, lambda seconds: True))


@pytest.fixture
def impatient(server):
    """A server that lets nobody wait for a lock, and its connection."""
    on = On(**server.env)
    on("delete", "--id", "A", "--force")
    on("create", "--id", "A", "--title", "t")
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("ALTER DATABASE backlog SET lock_timeout = '100ms'")
        yield connection
        connection.execute("ALTER DATABASE backlog RESET lock_timeout")


def test_a_locked_table_costs_no_command_and_no_result(server, impatient, tmp_path):
    go = shlex.quote(str(tmp_path / "go"))
    script = f"echo begun >&2; until [ -e {go} ]; do sleep 0.05; done; echo over >&2"
    with working(script, "--ttl", "12", "--once", env=server.env) as worker:
        worker.says("begun")
        with impatient.transaction():
            impatient.execute("LOCK TABLE backlog IN ACCESS EXCLUSIVE MODE")
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            until(lambda: impatient.execute(waits).fetchone()[0], "a renewal")
            (tmp_path / "go").touch()
            worker.says("over")
            until(lambda: impatient.execute(waits).fetchone()[0], "the completion")
        assert worker.ends() == 0
    assert On(**server.env)("show", "--id", "A", "--json").json["status"] == "done"


def test_an_idle_worker_lives_through_a_locked_table(server, impatient):
    impatient.execute("DELETE FROM backlog")
    with working("exit 0", env=server.env) as worker:
        worker.says("what=waiting")
        with impatient.transaction():
            impatient.execute("LOCK TABLE backlog IN ACCESS EXCLUSIVE MODE")
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted"
            until(lambda: impatient.execute(waits).fetchone()[0], "a claim")
        impatient.execute("INSERT INTO backlog (id, title) VALUES ('B', 't')")
        worker.says("what=completed card=B")


def test_an_idle_worker_lives_through_a_card_that_no_claim_can_take(session, card, store_root):
    """A trigger of somebody else's refuses it, until they set it right."""
    card("A")
    session.execute("""CREATE FUNCTION bad() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN RAISE 'bad' USING ERRCODE = '22003'; END $$""")
    session.execute("CREATE TRIGGER bad BEFORE UPDATE ON backlog EXECUTE FUNCTION bad()")
    try:
        with working("exit 0") as worker:
            worker.says('what=waiting reason="refused: .*bad')
            session.execute("DROP TRIGGER bad ON backlog")
            worker.says("what=completed card=A")
    finally:
        session.execute("DROP FUNCTION bad() CASCADE")
