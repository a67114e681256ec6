"""backlog store transfer: everything of one store in another, or nothing."""

import json
import os
from contextlib import closing, contextmanager
from pathlib import Path
from subprocess import DEVNULL

import psycopg
import pytest

from backlog.store.embedded import Store
from tests.command import PROJECT, On, empty_store, unavailable
from tests.worker import until

pytestmark = pytest.mark.one_tier

# A card that is done in a phase with a gate, one that is claimed, one that waits, and their traces.
LIFE = [
    "create --id A --title t --phase p",
    'create --id B --title t --body ä\\\t\n --acceptance ["1.10",true]',
    "create --id C --title t --depends-on A,B",
    "claim --owner w --id A",
    "complete --id A --owner w --attempt 1 --summary s --tokens 7",
    "gate --phase p",
    "claim --owner w --id B",
    "limit --owner w --max 3",
    "escalate --id B --reason r",
]


@pytest.fixture
def origin(store_root):
    """The command on an embedded store in which all sorts of things have happened."""
    on = On(BACKLOG_DATA_DIR=str(store_root))
    for line in LIFE:
        assert on(*line.split(" ")).status == 0, line
    return on


@pytest.fixture
def unused(store_root):
    """The command on an embedded store without a card."""
    return On(BACKLOG_DATA_DIR=str(store_root))


@pytest.fixture
def made(server):
    """Makes a database whose owner may do nothing else, as on a managed server; its URL."""
    names = []
    with psycopg.connect(server.url, autocommit=True) as admin:

        def make() -> str:
            names.append(f"moved_{len(names)}")
            admin.execute(f"CREATE DATABASE {names[-1]} OWNER tenant")
            return server.url.replace("operator:", "tenant:").replace("/backlog", f"/{names[-1]}")

        admin.execute(f"CREATE ROLE tenant LOGIN PASSWORD '{server.password}'")
        yield make
        for name in names:
            admin.execute(f"DROP DATABASE {name} WITH (FORCE)")
        admin.execute("DROP ROLE tenant")


def everything(on):
    """What the command says of a store."""
    asked = ["export --events", "export --runs", "limits", "gates", "escalations", "history --id A"]
    return [on(*words.split(" "), "--json").out for words in asked]


def test_to_a_server_and_back_everything_is_as_it_was_and_goes_on(origin, made):
    url = made()
    ran = origin("store", "transfer", "--to", url)
    assert (ran.status, ran.err) == (0, "")
    assert "backlog: 3 rows, checksum " in ran.out
    there = On(DATABASE_URL=url)
    assert everything(there) == everything(origin)
    assert there("complete", "--id", "B", "--owner", "w", "--attempt", "1").status == 0
    assert there("claim", "--owner", "v", "--json").json["id"] == "C"
    with empty_store() as root:
        back = there("store", "transfer", "--to", str(root), "--json").json["transferred"]
        assert back["backlog_event"]["rows"] > json.loads(origin("stats", "--json").out)["total"]
        here = On(BACKLOG_DATA_DIR=str(root))
        assert everything(here) == everything(there)
        assert here("check").status == 0
        assert here("complete", "--id", "C", "--owner", "v", "--attempt", "1").status == 0


def test_bytes_are_counted_the_same_however_the_target_writes_them(unused, made):
    kept = (
        "INSERT INTO remote_answer (token_key, idempotency_key, asked, exit_status, content_type,"
    )
    kept += r" body) VALUES ('k', 'k', '\x00ff5c', 0, 't', 'b')"
    assert unused("store", "psql", "--", "-c", kept).status == 0
    url = made()
    with psycopg.connect(url, autocommit=True) as owner:
        owner.execute("ALTER ROLE CURRENT_USER SET bytea_output = 'escape'")
    ran = unused("store", "transfer", "--to", url)
    assert (ran.status, ran.err) == (0, "")
    assert "remote_answer: 1 rows" in ran.out


def test_what_is_not_empty_is_left_as_it_is(unused, made):
    there = On(DATABASE_URL=made())
    there("create", "--id", "mine", "--title", "t")
    line = unavailable(unused("store", "transfer", "--to", there.env["DATABASE_URL"]), status=1)
    assert line.startswith("the target is not empty: there are rows in backlog, backlog_event")
    assert there("list").out.startswith("mine\t")


def test_a_schema_of_another_version_is_left_as_it_is(unused, made):
    there = On(DATABASE_URL=made())
    there("stats")
    with psycopg.connect(there.env["DATABASE_URL"]) as opened:
        opened.execute("DELETE FROM django_migrations WHERE name = '0015_gates_hold'")
    line = unavailable(unused("store", "transfer", "--to", there.env["DATABASE_URL"]), status=1)
    assert "another version (it lacks backlog.0015_gates_hold)" in line


@pytest.mark.parametrize(
    ("to", "status", "says"),
    [
        ("mysql://x", 2, "--to must begin with postgres:// or postgresql://, not mysql"),
        ("backlog", 2, "--to must be the URL of a server, or the whole path of a directory"),
        ("postgresql://u:secret@127.0.0.1:1/d", 5, "connection"),
    ],
)
def test_what_is_no_store_is_said(unused, to, status, says):
    line = unavailable(unused("store", "transfer", "--to", to), "secret", status=status)
    assert says in line


def test_a_store_is_not_its_own_target(unused):
    to = unused.env["BACKLOG_DATA_DIR"]
    assert "is the store itself" in unavailable(unused("store", "transfer", "--to", to), status=1)


@pytest.mark.deep
def test_rows_of_a_time_before_a_rule_come_along(made, tmp_path):
    """Of an archive with texts that are longer than any may be by now."""
    with empty_store() as root:
        origin = On(BACKLOG_DATA_DIR=str(root))
        old = PROJECT / "tests/data/stores/beyond/0004.dump"
        assert origin("store", "restore", str(old)).status == 0
        there = On(DATABASE_URL=made())
        assert origin("store", "transfer", "--to", there.env["DATABASE_URL"]).status == 0
        assert there("export").out == origin("export").out
        assert there("check").out == origin("check").out


@contextmanager
def halfway(origin, to):
    """A transfer that has copied the cards, and goes on afterwards; and what changes the source."""
    held = Store(Path(origin.env["BACKLOG_DATA_DIR"]))
    waiting = "SELECT FROM pg_locks WHERE NOT granted AND relation = 'fleet_worker'::regclass"
    with held.connect() as blocker, held.connect(autocommit=True) as opened:
        blocker.execute("LOCK TABLE fleet_worker")  # one of the last
        with origin.start("store", "transfer", "--to", to) as process:
            until(lambda: opened.execute(waiting).fetchone() is not None, "the copy's wait")
            yield process, opened
            blocker.rollback()
            process.said = process.communicate(timeout=60)


@pytest.mark.deep
def test_after_a_kill_in_the_middle_the_target_is_empty_and_a_second_try_succeeds(origin, made):
    url = made()
    with halfway(origin, url) as (process, _):
        process.kill()
    with closing(psycopg.connect(url)) as target:
        assert target.execute("SELECT count(*) FROM backlog").fetchone() == (0,)
    assert origin("store", "transfer", "--to", url).status == 0
    assert everything(On(DATABASE_URL=url)) == everything(origin)


@pytest.mark.deep
def test_what_changes_meanwhile_is_not_moved_and_that_is_said(origin, made):
    url = made()
    with halfway(origin, url) as (process, source):
        source.execute("UPDATE backlog SET title = 'later' WHERE id = 'A'")
        source.execute("INSERT INTO backlog (id, title) VALUES ('late', 't')")
    assert (process.returncode, "the store has changed meanwhile" in process.said[1]) == (0, True)
    assert "late" not in On(DATABASE_URL=url)("list").out


MANY = """
INSERT INTO backlog (id, title, body)
SELECT 'c' || n, 'title', repeat('x', 20000) FROM generate_series({}, {}) AS n"""


def kilobytes_of_a_transfer(origin, to, first, last):
    """What it takes at most, once these cards are there as well."""
    with Store(Path(origin.env["BACKLOG_DATA_DIR"])).connect(autocommit=True) as opened:
        opened.execute(MANY.format(first, last))
    ends = dict.fromkeys(("stdin", "stdout", "stderr"), DEVNULL)
    with origin.start("store", "transfer", "--to", to, **ends) as process:
        _, status, usage = os.wait4(process.pid, 0)
    assert status == 0
    return usage.ru_maxrss


@pytest.mark.deep
def test_memory_does_not_grow_with_the_cards(origin, made):
    few = kilobytes_of_a_transfer(origin, made(), 1, 100)
    many = kilobytes_of_a_transfer(origin, made(), 101, 5_000)  # a hundred megabytes
    assert many - few < 20_000
