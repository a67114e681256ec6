"""Django over the store: everything the stock backend does, and a server that starts by itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from backlog.store.embedded import Store
from tests.embedded import children
from tests.embedded.children import run
from tests.embedded.conftest import Copied, clear

SITE = """
import django
from django.conf import settings

entry = {
    "ENGINE": "backlog.store.embedded.backend",
    "NAME": "backlog",
    "USER": "backlog",
    "HOST": str(store.socket_dir),
    "OPTIONS": {"root": str(store.root)},
}
settings.configure(
    DATABASES={"default": entry},
    INSTALLED_APPS=["django.contrib.contenttypes"],
    USE_TZ=True,
)
django.setup()
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection
"""
ASK = """
with connection.cursor() as cursor:
    cursor.execute("SELECT current_database(), current_user")
    print(cursor.fetchone())
"""


@pytest.fixture(scope="module")
def shared(copied: Copied) -> Iterator[Store]:
    """A store for the tests that leave it as it was, or as none of the others minds."""
    place = children.make_place()
    yield copied(place / "store")
    clear(place)


@pytest.mark.quick
def test_a_query_makes_and_starts_the_store(root: Path) -> None:
    assert run(root, SITE + ASK) == "('backlog', 'backlog')"


def test_setting_django_up_touches_nothing(root: Path) -> None:
    run(root, SITE)

    assert not root.exists()


def test_libpq_s_variables_are_of_no_account(idle: Store) -> None:
    run(idle.root, SITE + ASK, env={"PGSERVICE": "missing", "PGTZ": "Nowhere", "PGPORT": "1"})


def test_migrations_and_the_orm_work(shared: Store) -> None:
    code = """
call_command("migrate", verbosity=0)
from django.contrib.contenttypes.models import ContentType
print(ContentType.objects.count(), connection.vendor, connection.settings_dict["NAME"])
"""
    assert run(shared.root, SITE + code) == "1 postgresql backlog"


def test_test_databases_are_made_cloned_and_removed(shared: Store) -> None:
    code = """
def databases():
    with connection._nodb_cursor() as cursor:
        cursor.execute("SELECT datname FROM pg_database WHERE NOT datistemplate ORDER BY 1")
        print(*(name for (name,) in cursor.fetchall()))
connection.creation.create_test_db(verbosity=0)
connection.creation.clone_test_db("1", verbosity=0)
databases()
connection.creation.destroy_test_db(suffix="1", verbosity=0)
connection.creation.destroy_test_db("backlog", verbosity=0)
databases()
"""
    assert run(shared.root, SITE + code).splitlines() == [
        "backlog postgres test_backlog test_backlog_1",
        "backlog postgres",
    ]


def test_the_isolation_level_of_the_settings_holds(shared: Store) -> None:
    code = """
import psycopg
from django.db import transaction
connection.settings_dict["OPTIONS"]["isolation_level"] = psycopg.IsolationLevel.SERIALIZABLE
with transaction.atomic(), connection.cursor() as cursor:
    print(cursor.execute("SHOW transaction_isolation").fetchone())
"""
    assert run(shared.root, SITE + code) == "('serializable',)"


@pytest.mark.parametrize(
    ("act", "error"),
    [
        ("connection.ensure_connection()", "OperationalError"),
        ('call_command("dbshell")', "CommandError"),
    ],
)
def test_a_store_that_cannot_be_had_is_django_s_error(root: Path, act: str, error: str) -> None:
    root.write_text("a file")
    code = f"try:\n    {act}\nexcept {error} as e:\n    print(e)"

    assert run(root, SITE + code) == f"{root} is not a directory; set BACKLOG_DATA_DIR to one."


def test_a_connection_is_made_again_after_a_restart(idle: Store) -> None:
    code = f"""
{ASK}
store.stop()
from django.db import close_old_connections
try:
    connection.cursor().execute("SELECT 1")
except OperationalError:
    print("lost")
close_old_connections()
{ASK}
"""
    answer = "('backlog', 'backlog')"
    assert run(idle.root, SITE + code).splitlines() == [answer, "lost", answer]


def test_a_kept_connection_that_is_checked_survives_a_restart(idle: Store) -> None:
    code = f"""
connection.settings_dict.update(CONN_MAX_AGE=None, CONN_HEALTH_CHECKS=True)
from django.core.signals import request_finished, request_started
{ASK}
store.stop()
request_started.send(None)
{ASK}
"""
    assert len(run(idle.root, SITE + code).splitlines()) == 2


def test_dbshell_starts_the_store_and_runs_its_own_psql(idle: Store) -> None:
    code = 'call_command("dbshell", "--", "-XAtc", "SELECT current_user, current_database()")'

    output = run(idle.root, SITE + code, env={"PATH": "/nowhere", "PGPORT": "1"})

    assert output == "backlog|backlog"


def test_threads_have_connections_of_their_own(shared: Store) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
def ask(_):
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        pid = cursor.fetchone()[0]
    connection.close()
    return pid
import threading
with ThreadPoolExecutor(4) as pool:
    print(all(pool.map(ask, range(20))))
"""
    assert run(shared.root, SITE + code) == "True"


def test_a_pool_and_a_missing_root_are_configuration_errors(root: Path) -> None:
    code = """
from django.core.exceptions import ImproperlyConfigured
from backlog.store.embedded.backend.base import DatabaseWrapper
for options in ({}, {"root": str(store.root), "pool": True}):
    wrapper = DatabaseWrapper({**connection.settings_dict, "OPTIONS": options})
    try:
        wrapper.ensure_connection()
    except ImproperlyConfigured as error:
        print(error)
"""
    assert run(root, SITE + code).splitlines() == [
        'The embedded backend needs OPTIONS["root"], a directory.',
        'The embedded backend has no connection pool: drop OPTIONS["pool"].',
    ]
