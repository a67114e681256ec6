"""Stores that an earlier checkout made go on: upgraded in place, with all that is in them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backlog.lifecycle import LONGEST_NAME
from backlog.session import PsycopgSession
from backlog.store.embedded import Store, binaries
from backlog.store.storage import Embedded, Server, Storage, from_environment
from backlog.verbs import cards, check, claims, history, moves, pool, rules
from tests.command import On, copied_store, manage, used_store
from tests.embedded.children import template

ARCHIVES = sorted((Path(__file__).parent / "data" / "stores").glob("*.dump"))

SCHEMA = {
    "columns": """SELECT table_name, column_name, data_type, domain_name, is_nullable,
        column_default, collation_name, is_generated, generation_expression, is_identity
        FROM information_schema.columns WHERE starts_with(table_name, 'backlog')""",
    "constraints": """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE starts_with(conrelid::regclass::text, 'backlog') AND contype <> 'n'""",
    "domains": """SELECT typname, format_type(typbasetype, typtypmod), conname,
        pg_get_constraintdef(pg_constraint.oid)
        FROM pg_type JOIN pg_constraint ON contypid = pg_type.oid
        WHERE starts_with(typname, 'backlog_')""",
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE starts_with(tablename, 'backlog')",
    "functions": """SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE proname ~ '^(backlog|fleet)_'""",
    "triggers": """SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal AND tgname ~ '^(backlog|fleet)_'""",
    "views": "SELECT viewname, definition FROM pg_views WHERE starts_with(viewname, 'backlog')",
    "storage": "SELECT relname, reloptions FROM pg_class WHERE relname = 'backlog'",
    "groups": """SELECT g.name, codename FROM auth_group AS g
        JOIN auth_group_permissions ON group_id = g.id
        JOIN auth_permission AS p ON p.id = permission_id""",
    "migrations": "SELECT name, '' FROM django_migrations WHERE app IN ('backlog', 'fleet')",
}


def schema(connection: psycopg.Connection[Any]) -> dict[str, list[Any]]:
    """What the database says of itself; the order of columns does not matter."""
    return {what: sorted(map(str, connection.execute(sql))) for what, sql in SCHEMA.items()}


@contextmanager
def empty_database(name: str) -> Iterator[Storage]:
    """A database on this run's kind of store, without a schema."""
    here = from_environment()
    if isinstance(here, Server):
        with closing(here.connect()) as admin:
            admin.execute(f"CREATE DATABASE {name}")
            yield Server(here.url.rpartition("/")[0] + f"/{name}")
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
    else:
        with copied_store(template()) as root:
            Store(root).start()
            yield Embedded(root)


def fill(store: Storage, archive: Path) -> None:
    """Leave the database as the code of that time left it."""
    restore = [binaries.find() / "pg_restore", "--no-owner", "--file=-", archive]
    script = subprocess.run(restore, check=True, stdout=subprocess.PIPE).stdout
    psql = [binaries.find() / "psql", "-Xq", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}"]
    before_17 = script.replace(b"SET transaction_timeout = 0;\n", b"")
    subprocess.run(psql, input=before_17, env=store.client_env(), check=True)


def on_store(store: Storage) -> On:
    """The command, with this store in its environment."""
    if isinstance(store, Server):
        return On(DATABASE_URL=store.url)
    return On(BACKLOG_DATA_DIR=str(store.root))


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda archive: archive.stem)
def upgraded(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """An earlier store after the first command of today's code, on a connection from before: for
    that, the server keeps functions and plans as they were.
    """
    with empty_database(f"earlier_{request.param.stem}") as store:
        fill(store, request.param)
        with closing(store.connect()) as connection:
            with connection.transaction(force_rollback=True):
                connection.execute("UPDATE backlog SET title = title || '.'")
                connection.execute("UPDATE backlog SET status = 'done' WHERE id = 'ready-1'")
                connection.execute("DELETE FROM backlog WHERE id = 'free'")
            assert on_store(store)("stats").status == 0
            yield connection


@pytest.fixture
def earlier(upgraded: psycopg.Connection[Any]) -> Iterator[PsycopgSession]:
    """A session on it; what a test does is undone."""
    with upgraded.transaction(force_rollback=True):
        yield PsycopgSession(upgraded)


def since(connection: psycopg.Connection[Any], name: str) -> bool:
    """Whether the archive's code knew of a thing, by a card that only such archives have."""
    return connection.execute("SELECT FROM backlog WHERE id = %s", [name]).rowcount == 1


def test_its_schema_is_that_of_a_new_store(upgraded, store):
    with closing(from_environment().connect()) as new:
        assert schema(upgraded) == schema(new)


def test_what_is_derived_is_right(earlier):
    assert check.recount(earlier).ok


def test_every_card_is_what_it_was(earlier):
    assert {
        card.id: (card.status, card.claim_owner, card.attempts)
        for card in cards.list_cards(earlier)
        if card.id not in ("later", "soon")
    } == {
        "ready-1": ("ready", None, 0),
        "ready-2": ("ready", None, 0),
        "waits": ("ready", None, 0),
        "free": ("ready", None, 0),
        "held": ("claimed", "w1", 1),
        "late": ("claimed", "w2", 1),
        "often": ("claimed", "w4", 2),
        "blocked-1": ("blocked", None, 0),
        "done-1": ("done", None, 1),
        "done-2": ("done", None, 0),
    }
    assert cards.show(earlier, "ready-1").acceptance == '["one", "two"]'
    assert cards.show(earlier, "ready-2").idempotency_key == "k1"


def test_what_waits_waits_for_the_same(earlier):
    why = pool.explain(earlier, "waits")
    assert (why.unfinished, why.blocked, why.missing) == (["ready-1"], ["blocked-1"], ["missing-1"])
    assert pool.explain(earlier, "free").claimable


def test_a_worker_that_held_a_card_goes_on(earlier):
    assert moves.renew(earlier, "often", "w4", 2).claim_owner == "w4"
    done = moves.complete(earlier, "held", "w1", 1)
    assert done is not None
    assert done.status == "done"
    assert moves.reclaim(earlier) == ["late"]


def test_a_claim_takes_the_first_card(earlier):
    taken = claims.claim(earlier, "w9").card
    assert taken is not None
    assert (taken.id, taken.attempts) == ("ready-1", 1)


def test_a_deleted_id_goes_on_with_its_attempts(earlier):
    assert cards.create(earlier, "gone", "Again").attempts == 1


def test_its_history_goes_on(earlier):
    moves.complete(earlier, "held", "w1", 1)
    verbs = [event.verb for event in history.history(earlier, "held")]
    assert verbs == ["create", "claim", "complete"]


def test_its_rules_are_in_force_and_what_is_due_is_let_go(earlier, upgraded):
    if not since(upgraded, "later"):
        assert rules.in_force(earlier) == ((), ())
        return
    in_force = rules.in_force(earlier)
    assert [str(pause) for pause in in_force.pauses] == ["phase M9"]
    assert [(str(each), each.most) for each in in_force.limits] == [
        ("owner w1", 2),
        ("phase M1", 5),
    ]
    pool.wake(earlier)
    assert (cards.show(earlier, "soon").claimable, cards.show(earlier, "later").held) == (
        True,
        True,
    )


# Restored, odd, in the wrong order ----------------------------------------------------------------


@pytest.mark.deep
@pytest.mark.one_tier
@pytest.mark.parametrize("archive", ARCHIVES, ids=lambda archive: archive.stem)
def test_an_earlier_archive_is_restored_in_place_of_what_there_is(archive):
    with copied_store(used_store()) as root:
        on = On(BACKLOG_DATA_DIR=str(root))
        on("create", "--id", "new", "--title", "t")
        assert on("store", "restore", "--force", str(archive)).status == 0
        assert on("list", "--status", "done", "--json").json[0]["id"].startswith("done")
        assert on("show", "--id", "new").status == 1
        assert on("check").status == 0


@contextmanager
def earlier_store(archive: Path, *statements: str) -> Iterator[tuple[On, Storage]]:
    """One that somebody did something to, before today's code comes."""
    with empty_database(f"odd_{archive.stem}") as store:
        fill(store, archive)
        with closing(store.connect()) as connection:
            connection.execute("SET session_replication_role = replica")
            for statement in statements:
                connection.execute(statement)
        yield on_store(store), store


FIRST, LAST = ARCHIVES[0], ARCHIVES[-1]
UNBOUNDED = FIRST.with_stem("0007")  # the last that had no bounds
SQUASHED = FIRST.with_stem("squashed_0003")  # the last without types
each_end = pytest.mark.parametrize("archive", [FIRST, LAST], ids=["first", "last"])


@each_end
def test_a_migration_of_another_app_that_comes_first_leaves_nothing_half_done(archive):
    with earlier_store(archive) as (on, store):
        assert manage(on.env, "migrate", "sessions").status == 0
        assert on("check").status == 0
        with closing(store.connect()) as connection:
            constraints = connection.execute(SCHEMA["constraints"]).fetchall()
            assert "backlog_status_known" in str(constraints)


ODD = [
    "UPDATE backlog SET attempts = 2147483647 WHERE id = 'ready-1'",
    "UPDATE backlog SET created_at = '-infinity' WHERE id = 'ready-2'",
    """UPDATE backlog SET claimed_at = '9999-12-31Z', claim_ttl_seconds = 2147483647
    WHERE id = 'held'""",
]
ODD_SINCE_0007 = [
    "UPDATE backlog_rule SET since = 'infinity'",
    """INSERT INTO backlog_event (card_id, at, actor, verb, attempt)
    VALUES ('x', 'infinity', 'x', 'x', 1)""",
    """INSERT INTO backlog_ended_run (card_id, owner, started_at, ended_at, outcome)
    VALUES ('ready-1', 'x', '-infinity', 'infinity', 'failed')""",
]


@pytest.mark.parametrize(
    ("archive", "odd"), [(FIRST, ODD), (UNBOUNDED, ODD + ODD_SINCE_0007)], ids=["first", "last"]
)
def test_numbers_and_times_beyond_the_bounds_come_to_lie_on_them(archive, odd):
    with earlier_store(archive, *odd) as (on, _):
        claimed = on("claim", "--owner", "w", "--id", "ready-1", "--json").json
        assert claimed["attempts"] == 2_000_000_000
        words = ("list", "export", "tail", "export --events", "runs --id ready-1")
        assert [on(*each.split()).status for each in words] == [0] * len(words)
        exported = on("export").out
        assert on("import", "--update", "-", stdin=exported).status == 0


LONG = "(SELECT string_agg(md5(n::text), '') FROM generate_series(1, 200) AS n)"


def test_a_phase_that_no_index_held_yet_is_cut_and_kept_in_an_event():
    odd = f"UPDATE backlog SET phase = {LONG} WHERE id = 'ready-2'"  # noqa: S608
    with earlier_store(FIRST, odd) as (on, _):
        assert len(on("show", "--id", "ready-2", "--json").json["phase"]) == LONGEST_NAME
        last = on("history", "--id", "ready-2", "--json").json[-1]
        assert (last["actor"], len(last["note"])) == ("upgrade", len("phase ") + 6400)


# What each archive can be made to hold that a store of today cannot, and how the refusal names it.
BLANK = "UPDATE backlog SET title = ' ' WHERE id = 'ready-2'"
ON_ITSELF = """UPDATE backlog SET depends_on = '["free"]' WHERE id = 'free'"""
NO_NUMBER = """ALTER TABLE backlog DROP CONSTRAINT backlog_depends_on_ids;
    UPDATE backlog SET depends_on = '[1]' WHERE id = 'ready-1'"""
NEVER = [
    (FIRST, BLANK, "title of ready-2"),
    pytest.param(UNBOUNDED, ON_ITSELF, "columns of free", marks=pytest.mark.one_tier),
    pytest.param(SQUASHED, NO_NUMBER, "depends_on of ready-1", marks=pytest.mark.one_tier),
]


@pytest.mark.deep
@pytest.mark.parametrize(("archive", "odd", "row"), NEVER, ids=["blank", "itself", "number"])
def test_a_row_that_cannot_be_upgraded_is_named_and_can_be_mended(archive, odd, row, tmp_path):
    with earlier_store(archive, odd) as (on, _):
        ran = on("list")
        assert (ran.status, ran.out) == (1, "")
        said = f"the store cannot be upgraded before {row} is changed (`store psql`): "
        assert ran.err.startswith(said)
        assert on("store", "dump", str(tmp_path / "archive")).status == 0
        mend = "UPDATE backlog SET title = 'mended', depends_on = '[]' WHERE id = '{}'"
        psql = on("store", "psql", "--", "-c", mend.format(row.rpartition(" ")[2]))
        assert psql.err == ""
        assert on("check").status == 0


@pytest.mark.parametrize("archive", [UNBOUNDED, LAST], ids=["unbounded", "last"])
def test_what_somebody_else_made_stays(archive):
    mine = [
        """CREATE FUNCTION backlog_mine() RETURNS trigger LANGUAGE plpgsql
        AS 'BEGIN RETURN NEW; END'""",
        """CREATE TRIGGER backlog_mine BEFORE UPDATE ON backlog
        FOR EACH ROW EXECUTE FUNCTION backlog_mine()""",
        "ALTER TABLE backlog ENABLE ALWAYS TRIGGER backlog_mine",
        "CREATE INDEX mine ON backlog (claimable, title)",
        "ALTER TABLE backlog ADD CONSTRAINT mine_too CHECK (claimable OR true)",
        "GRANT SELECT ON backlog_run TO PUBLIC",
        "DELETE FROM auth_group_permissions",
    ]
    with earlier_store(archive, *mine) as (on, store):
        assert on("check").status == 0
        with closing(store.connect()) as connection:
            there = str(schema(connection))
            for name in ("FUNCTION public.backlog_mine", "TRIGGER backlog_mine", "mine_too"):
                assert name in there
            assert "INDEX mine ON" in there
            enabled = "SELECT tgenabled FROM pg_trigger WHERE tgname = 'backlog_mine'"
            assert connection.execute(enabled).fetchone() == ("A",)
            granted = "SELECT has_table_privilege('public', 'backlog_run', 'SELECT')"
            assert connection.execute(granted).fetchone() == (True,)
            assert schema(connection)["groups"] == []


@pytest.mark.one_tier
def test_there_is_no_way_back(session):
    ran = manage(os.environ, "migrate", "backlog", "0001")
    assert ran.status != 0
    assert "IrreversibleError" in ran.err
    assert session.execute("SELECT count(*) FROM backlog").fetchone() == (0,)
