"""Stores that an earlier checkout made go on: upgraded in place, with all that is in them."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest

from backlog.session import PsycopgSession
from backlog.store.embedded import Store, binaries
from backlog.store.storage import Embedded, Server, Storage, from_environment
from backlog.verbs import cards, check, claims, history, moves, pool, rules
from tests.command import On, empty_store

ARCHIVES = sorted((Path(__file__).parent / "data" / "stores").glob("*.dump"))

SCHEMA = {
    "columns": """SELECT table_name, column_name, data_type, is_nullable, column_default,
        collation_name, is_generated, generation_expression, is_identity
        FROM information_schema.columns WHERE starts_with(table_name, 'backlog')""",
    "constraints": """SELECT conrelid::regclass, conname, pg_get_constraintdef(oid)
        FROM pg_constraint
        WHERE starts_with(conrelid::regclass::text, 'backlog') AND contype <> 'n'""",
    "indexes": "SELECT tablename, indexdef FROM pg_indexes WHERE starts_with(tablename, 'backlog')",
    "functions": """SELECT proname, pg_get_functiondef(oid) FROM pg_proc
        WHERE starts_with(proname, 'backlog_')""",
    "triggers": """SELECT tgname, pg_get_triggerdef(oid) FROM pg_trigger
        WHERE NOT tgisinternal AND starts_with(tgname, 'backlog_')""",
    "views": "SELECT viewname, definition FROM pg_views WHERE starts_with(viewname, 'backlog')",
    "storage": "SELECT relname, reloptions FROM pg_class WHERE relname = 'backlog'",
    "groups": """SELECT g.name, codename FROM auth_group AS g
        JOIN auth_group_permissions ON group_id = g.id
        JOIN auth_permission AS p ON p.id = permission_id""",
    "migrations": "SELECT name, '' FROM django_migrations WHERE app = 'backlog'",
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
        with empty_store() as root:
            Store(root).start()
            yield Embedded(root)


def fill(store: Storage, archive: Path) -> None:
    """Leave the database as the code of that time left it."""
    restore = [binaries.find() / "pg_restore", "--no-owner", "--file=-", archive]
    script = subprocess.run(restore, check=True, stdout=subprocess.PIPE).stdout
    psql = [binaries.find() / "psql", "-Xq", "--set=ON_ERROR_STOP=1", f"--output={os.devnull}"]
    before_17 = script.replace(b"SET transaction_timeout = 0;\n", b"")
    subprocess.run(psql, input=before_17, env=store.client_env(), check=True)


@pytest.fixture(scope="module", params=ARCHIVES, ids=lambda archive: archive.stem)
def upgraded(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """An earlier store after the first command of today's code."""
    with empty_database(f"earlier_{request.param.stem}") as store:
        fill(store, request.param)
        env = {"DATABASE_URL": store.url} if isinstance(store, Server) else {}
        on = On(**env or {"BACKLOG_DATA_DIR": str(store.root)})
        assert on("stats").status == 0
        with closing(store.connect()) as connection:
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
