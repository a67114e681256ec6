"""Settings of the database, the role and the environment: pinned, refused or left."""

from contextlib import closing, suppress

import psycopg
import pytest
from django.db import connections
from psycopg.sql import SQL, Literal

from backlog.errors import ConfigurationError
from backlog.store import storage
from backlog.worker.stores import opener
from remote.api import waiting
from tests import kept
from tests.command import On, unavailable
from tests.pgbouncer import PROGRAM, PgBouncer

ROLE = SQL("ALTER ROLE CURRENT_USER SET {} = {}")

# What an operator may limit on purpose, and what the database then says in so many words.
LEFT = ("default_transaction_read_only", "session_replication_role", "role")

# One of each at once, until every value had its turn: each is pinned for itself.
ODD = {
    "DateStyle": ["German", "SQL, DMY", "Postgres, MDY"],
    "IntervalStyle": ["iso_8601"],
    "TimeZone": ["Asia/Kathmandu", "<foo>-03"],
    "client_encoding": ["LATIN1", "SQL_ASCII"],
    "search_path": ["", "nowhere", "pg_catalog", "other, public", "pg_temp, public"],
    "standard_conforming_strings": ["off"],
    "default_transaction_isolation": ["serializable", "repeatable read"],
    "plpgsql.extra_errors": ["all"],
    "client_min_messages": ["debug5"],
    "default_tablespace": ["nowhere"],
    "exit_on_error": ["on"],
}
ROUNDS = [
    {name: values[n % len(values)] for name, values in ODD.items()}
    for n in range(max(map(len, ODD.values())))
]

SETTINGS = """
SELECT name, vartype, reset_val, min_val, max_val, enumvals FROM pg_settings
WHERE context IN ('user', 'superuser') AND name <> ALL (%s) ORDER BY name"""

EXTREMES = {
    "the other way round": lambda now, low, high, words: {"on": "off", "off": "on"}.get(now),
    "lowest": lambda now, low, high, words: low,
    "highest": lambda now, low, high, words: high,
    "first word": lambda now, low, high, words: words and words[0],
    "last word": lambda now, low, high, words: words and words[-1],
}


def begin_anew():
    """Every connection from here on is a new one."""
    connections["default"].close()
    kept.forget()


@pytest.fixture
def said(store, transactional_db):
    """Says how connections of the store's role begin from now on: `said("TimeZone", "UTC")`."""
    with closing(storage.from_environment().connect()) as admin:

        def say(name, value):
            admin.execute(ROLE.format(SQL(name), Literal(value)))
            begin_anew()

        admin.execute("CREATE SCHEMA other")
        yield say
        admin.execute("ALTER ROLE CURRENT_USER RESET ALL")
        admin.execute("DROP SCHEMA other")
    begin_anew()


@pytest.fixture
def said_at_once(said, store):
    """Says all that is to be had of a kind: `said_at_once("lowest")`."""

    def say(extreme):
        with closing(storage.from_environment().connect()) as asked:
            rows = asked.execute(SETTINGS, [list(LEFT)]).fetchall()
        for name, _, *what in rows:
            value = EXTREMES[extreme](*what)
            with suppress(psycopg.Error):  # not every one can be a role's
                if value is not None:
                    said(name, value)

    return say


def live(call):
    """A life of cards, and of what is refused."""
    odd = r"\x 'é' \\"
    assert call("create", "--id", "A", "--title", odd, "--acceptance", "[1.10]").status == 0
    assert call("create", "--id", "A", "--title", "t").status == 1
    assert call("create", "--id", "B", "--title", "t", "--depends-on", "A").status == 0
    assert call("link", "--from", "A", "--to", "B").status == 1
    claimed = call("claim", "--owner", "w", "--json").json
    assert (claimed["title"], claimed["acceptance"], claimed["attempts"]) == (odd, [1.10], 1)
    assert (claimed["claimedAt"][10:11], claimed["claimedAt"][-1]) == ("T", "Z")
    done = ["complete", "--id", "A", "--owner", "w", "--attempt", "1", "--cost", "0.125"]
    assert call(*done).status == 0
    assert '"cost":0.125000' in call("runs", "--id", "A", "--json").out
    assert [event["verb"] for event in call("history", "--id", "A", "--json").json][
        -1
    ] == "complete"
    assert call("export").out.count("\n") == 2
    assert (call("check").status, call("sweep").status, call("doctor").status) == (0, 0, 0)


def look(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    paths = ("/", "/cards/", "/fleet/", "/card/A/", "/activity/", "/readyz")
    assert {path: client.get(path).status_code for path in paths} == dict.fromkeys(paths, 200)


@pytest.mark.one_tier
@pytest.mark.parametrize("odd", ROUNDS, ids=range(len(ROUNDS)))
def test_the_verbs_and_the_pages_do_not_mind(said, call, client, settings, odd):
    for name, value in odd.items():
        with suppress(psycopg.errors.UndefinedObject):  # a setting that this server does not have
            said(name, value)
    live(call)
    look(client, settings)


@pytest.mark.parametrize("extreme", EXTREMES)
def test_they_do_not_mind_all_settings_at_once(said_at_once, call, client, settings, extreme):
    said_at_once(extreme)
    live(call)
    look(client, settings)


@pytest.mark.one_tier
def test_who_waits_for_a_card_over_http_does_not_mind(said):
    said("search_path", "")
    look = waiting._Look()
    assert not look.has_reason()
    look.close()


def test_a_role_for_which_no_trigger_runs_is_refused(said, call, client):
    said("session_replication_role", "replica")
    ran = call("claim", "--owner", "w")
    assert (ran.status, ran.out) == (2, "")
    assert "ALTER ROLE … RESET session_replication_role" in ran.err
    assert "session_replication_role" in client.get("/readyz").json()["reason"]


def test_a_time_out_that_an_operator_set_is_left(said, call):
    said("statement_timeout", "59s")
    with connections["default"].cursor() as cursor:
        assert cursor.execute("SHOW statement_timeout").fetchone() == ("59s",)


# A server's ---------------------------------------------------------------------------------------


@pytest.fixture
def on(server):
    return On(DATABASE_URL=server.url)


@pytest.mark.one_tier
def test_what_libpq_s_environment_says_is_pinned(server, call):
    odd = {"PGDATESTYLE": "SQL", "PGTZ": "Asia/Kathmandu", "PGCLIENTENCODING": "LATIN1"}
    odd["PGOPTIONS"] = "-c search_path= -c standard_conforming_strings=off"
    live(On(DATABASE_URL=server.url, **odd))
    On(DATABASE_URL=server.url)("delete", "--id", "B")


@pytest.mark.one_tier
@pytest.mark.parametrize("path", ["", "pg_temp", "pg_temp, public"])
def test_the_first_use_makes_what_stays_whatever_the_role_says(server, path):
    name = f"first_{len(path)}"
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8'")
        for setting, value in (("exit_on_error", "on"), ("search_path", path)):
            admin.execute(f"ALTER DATABASE {name} SET {setting} = {value or chr(39) * 2}")
    on = On(DATABASE_URL=server.url.replace("/backlog", f"/{name}"))
    made = on("create", "--id", "A", "--title", "t")
    assert (made.status, made.err) == (0, "")
    assert on("claim", "--owner", "w", "--json").json["id"] == "A"


@pytest.mark.one_tier
def test_what_may_not_be_written_is_away_at_the_first_use_as_ever(server):
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE read_only TEMPLATE template0 ENCODING 'UTF8'")
        admin.execute("ALTER DATABASE read_only SET default_transaction_read_only = on")
    on = On(DATABASE_URL=server.url.replace("/backlog", "/read_only"))
    assert "it is a standby or read-only" in unavailable(on("stats"), server.password)


@pytest.mark.one_tier
def test_a_worker_of_functions_that_names_a_server_does_not_mind(server):
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(ROLE.format(SQL("search_path"), Literal("")))
        with opener(server.url)() as session:
            assert session.rows("SELECT count(*) FROM backlog WHERE id = 'no'") == [(0,)]
        admin.execute("ALTER ROLE CURRENT_USER RESET ALL")


@pytest.mark.one_tier
@pytest.mark.parametrize("encoding", ["SQL_ASCII", "LATIN1", "EUC_JP"])
def test_a_database_of_another_encoding_is_refused(server, encoding):
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE odd_{encoding} TEMPLATE template0 ENCODING '{encoding}'")
    on = On(DATABASE_URL=server.url.replace("/backlog", f"/odd_{encoding.lower()}"))
    for words in (["stats"], ["store", "status"]):
        line = unavailable(on(*words), server.password, status=2)
        assert f"encoding {encoding}" in line
        assert "createdb --template=template0 --encoding=UTF8" in line


@pytest.mark.one_tier
def test_serve_refuses_such_a_database_too(server):
    with psycopg.connect(server.url, autocommit=True) as admin:
        admin.execute("CREATE DATABASE served TEMPLATE template0 ENCODING 'LATIN1'")
    on = On(DATABASE_URL=server.url.replace("/backlog", "/served"))
    code = "import sys; from django.core.management import execute_from_command_line as run\n"
    code += "run(['manage.py', 'serve', '--bind', '127.0.0.1:0'])"
    on.env["DJANGO_SETTINGS_MODULE"] = "fleet_backlog.settings"
    with on.python(code) as process:
        err = process.communicate(timeout=120)[1]
    assert (process.returncode, err.count("\n")) == (1, 1), err
    assert "createdb --template=template0 --encoding=UTF8" in err


@pytest.mark.one_tier
@pytest.mark.skipif(PROGRAM is None, reason="PgBouncer is not installed")
def test_a_pooler_s_clients_are_pinned_as_well(server):
    pooler = PgBouncer(server).start()
    with psycopg.connect(server.url, autocommit=True) as admin:
        for name, value in (("DateStyle", "German"), ("standard_conforming_strings", "off")):
            admin.execute(ROLE.format(SQL(name), Literal(value)))
        admin.execute(ROLE.format(SQL("default_transaction_isolation"), Literal("serializable")))
        On(DATABASE_URL=server.url)("stats")
        admin.execute("TRUNCATE backlog, backlog_deleted, backlog_event, backlog_ended_run")
        try:
            live(On(DATABASE_URL=pooler.url))
        finally:
            admin.execute("ALTER ROLE CURRENT_USER RESET ALL")
            pooler.stop()


@pytest.mark.one_tier
def test_an_archive_goes_back_in_whatever_the_role_says(server, tmp_path):
    on = On(DATABASE_URL=server.url)
    on("create", "--id", "kept", "--title", "Zoë")
    with psycopg.connect(server.url, autocommit=True) as admin:
        for name, value in (("DateStyle", "German"), ("client_encoding", "LATIN1")):
            admin.execute(ROLE.format(SQL(name), Literal(value)))
        admin.execute(ROLE.format(SQL("plpgsql.extra_errors"), Literal("all")))
        admin.execute(ROLE.format(SQL("idle_in_transaction_session_timeout"), Literal("200ms")))
        assert on("store", "dump", str(tmp_path / "archive")).err == ""
        assert on("store", "restore", str(tmp_path / "archive"), "--force").err == ""
        assert on("store", "psql", "--", "-XAtc", "SELECT 'Zoë'").out == "Zoë\n"
        admin.execute("ALTER ROLE CURRENT_USER RESET ALL")
    assert on("show", "--id", "kept", "--json").json["title"] == "Zoë"


@pytest.mark.one_tier
def test_an_account_without_a_home_is_told_what_to_set(monkeypatch):
    monkeypatch.setattr("os.geteuid", lambda: 2000)
    monkeypatch.setattr("os.path.expanduser", lambda path: path)  # as where it finds none
    with pytest.raises(ConfigurationError, match="no home directory; set BACKLOG_DATA_DIR to a"):
        storage.from_environment({})
