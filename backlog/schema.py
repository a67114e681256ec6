"""Is the schema this code's? One cheap query says so; Django is loaded only if it is not."""

import gc
import os
import re
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from backlog.errors import Busy, NotUpgraded, Refusal, SchemaTooNew, StoreUnavailable
from backlog.records import iso
from backlog.session import RETRIED, Session, as_refusal, sqlstate
from backlog.store.pins import PINNED, check_pinned
from backlog.watched import APPS

if TYPE_CHECKING:
    from backlog.store.storage import Embedded, Server

_SQL: Final = Path(__file__).with_name("sql")
# Migrations of earlier checkouts; `0003_earlier_stores` takes a store on from whichever it has. The
# first is recorded of new stores, too: Django records what a migration replaces.
REPLACED: Final = (
    "0002_derived",
    "0003_history",
    "0004_roles",
    "0005_runs",
    "0006_claims",
    "0007_completions",
    "0007_cycles",
)
# Without parameters (our own words): a statement that has some comes alone.
_APPLIED: Final = "SELECT app, name FROM django_migrations WHERE app = ANY ('{%s}')"
# A session pins what the code relies on in the same trip, and before the question is read.
_PIN_FIRST: Final = f"SELECT {PINNED}; {_APPLIED}"
_UNDEFINED_TABLE: Final = "42P01"
_LOCK_NOT_AVAILABLE: Final = "55P03"
_OTHER: Final = "other"  # what Django calls a store that is not the environment's

# One key for every process that may create or upgrade the schema of a database.
_LOCK: Final = "SELECT pg_advisory_xact_lock(1650549611, -2)"
# Who migrates may take its time, whatever the role's time-outs are for.
UNHURRIED: Final = """
SELECT set_config(name, '0', true)
FROM unnest(ARRAY['statement_timeout', 'transaction_timeout', 'lock_timeout',
    'idle_in_transaction_session_timeout']) AS name
WHERE current_setting(name, true) IS NOT NULL"""
# New tables stand beside the old ones, also where another schema has come first since.
_WHERE_IT_IS: Final = """
SELECT set_config('search_path', concat_ws(', ', quote_ident(nspname),
    nullif(current_setting('search_path'), '')), true)
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE pg_class.oid = coalesce(to_regclass('backlog'), to_regclass('django_migrations'))"""
# What waits for a table's lock keeps every claim waiting behind it: give up soon, let them pass,
# and try again. Not so soon that PostgreSQL has no time to send autovacuum away: that takes it
# a second (`deadlock_timeout`).
IMPATIENT: Final = "SET LOCAL lock_timeout = '1500ms'"
_PAUSE_SECONDS: Final = 3.0
_PATIENCE_SECONDS: Final = 300.0

# Not those who came a moment ago: a claim holds the table, too.
_HOLDERS: Final = """
SELECT DISTINCT pid, coalesce(usename, '-'),
    coalesce(nullif(application_name, ''), backend_type, 'a prepared transaction'), xact_start
FROM pg_locks LEFT JOIN pg_stat_activity USING (pid)
WHERE relation IN (SELECT to_regclass(quote_ident(name)) FROM unnest(%s::text[]) AS name)
AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())
AND granted AND pid IS DISTINCT FROM pg_backend_pid()
AND (xact_start IS NULL OR xact_start < clock_timestamp() - interval '1 second')
ORDER BY xact_start NULLS LAST LIMIT 5"""

# A constraint of a domain in `sql/`: its name and its condition.
_CHECK: Final = r"CONSTRAINT (\w+)\s+CHECK \((.*?)\)(?=;\n|\s+CONSTRAINT)"


def ensure(session: Session) -> None:
    """Pin the command's session, and bring the schema up to date if it is older than the code.

    Raises `SchemaTooNew`, `ConfigurationError`.
    """
    if pin(session):
        return
    # What failed has pinned nothing.
    check_pinned(*session.execute(f"SELECT {PINNED}").fetchone())
    migrate()


def pin(session: Session) -> bool:
    """Pin the command's session; whether the schema is current, as `is_current` has it."""

    def ask() -> list[Any]:
        asked = session.execute(_PIN_FIRST % ",".join(sorted(APPS)))
        check_pinned(*asked.fetchone())
        asked.nextset()
        return asked.fetchall()

    return _is_current(ask)


def is_current(session: Session) -> bool:
    """Whether the newest migration of each app is the newest that was applied, asked of a session
    that is pinned, as Django's are.

    Raises `SchemaTooNew` if the store has one that the code does not know.
    """
    return _is_current(lambda: session.execute(_APPLIED % ",".join(sorted(APPS))).fetchall())


def _is_current(ask: Callable[[], list[Any]]) -> bool:
    applied: dict[str, set[str]] = {app: set() for app in APPS}
    try:
        for app, name in ask():
            applied[app].add(name)
    except Exception as error:
        if sqlstate(error) != _UNDEFINED_TABLE:
            raise
        return False
    # Of each of them: one that is too new is refused, whatever the others are.
    newest = [_is_newest(_known(app), names) for app, names in applied.items()]
    return all(newest)


def _is_newest(known: list[str], applied: set[str]) -> bool:
    if unknown := applied.difference(known, REPLACED):
        raise SchemaTooNew(
            f"the store's schema {max(unknown)} is newer than this code's {known[-1]}:"
            " upgrade the code"
        )
    return known[-1] in applied


def migrate(into: "Embedded | Server | None" = None) -> None:
    """Create or upgrade the whole schema, Django's own tables included; safe to race.

    `into`: of this store, instead of the one that the environment names.

    Raises `Refusal` where the role may not create tables, `NotUpgraded` where a row cannot be what
    it is any more, `Busy` where somebody keeps a table for minutes. Who does is logged meanwhile.
    """
    set_up_django()
    from django.core.management import call_command
    from django.db import IntegrityError, OperationalError, transaction
    from django.db.migrations.exceptions import MigrationSchemaMissing

    connection = _connection(into)
    alias = connection.alias

    # One transaction around all migrations: whoever comes second waits at the lock and finds
    # the work done; a failure leaves the schema as it was.
    try:
        with transaction.atomic(alias), connection.cursor() as cursor:
            for sql in (UNHURRIED, _LOCK, _WHERE_IT_IS):
                cursor.execute(sql)
            for seconds in _waits():
                try:
                    with transaction.atomic(alias):  # undone, its locks are let go of, ours is kept
                        cursor.execute(IMPATIENT)
                        call_command("migrate", verbosity=0, interactive=False, database=alias)
                    break
                except OperationalError as error:
                    if sqlstate(error) not in (_LOCK_NOT_AVAILABLE, *RETRIED):
                        raise
                except IntegrityError as error:
                    raise NotUpgraded(_breaking(error)) from error
                _wait(seconds)
    except MigrationSchemaMissing as error:
        away = as_refusal(error.__context__) if error.__context__ else None
        if isinstance(away, StoreUnavailable):
            raise away from None
        reason = str(error).partition("\n")[0]
        raise Refusal(f"{reason}: the role needs CREATE on a schema of its search_path") from None
    connection.close()


def _connection(into: "Embedded | Server | None") -> Any:
    """Django's connection to a store; None: to the one that the environment names."""
    from django.db import DEFAULT_DB_ALIAS, connections

    if into is None:
        return connections[DEFAULT_DB_ALIAS]
    entry = {DEFAULT_DB_ALIAS: into.django_database()}
    connections.databases[_OTHER] = connections.configure_settings(entry)[DEFAULT_DB_ALIAS]
    return connections[_OTHER]


def applied(session: Session) -> set[tuple[str, str]]:
    """App and name of every migration that made this schema, those of earlier checkouts left out;
    empty where there is none yet.
    """
    if session.execute("SELECT to_regclass('django_migrations')").fetchone() == (None,):
        return set()
    rows = session.execute("SELECT app, name FROM django_migrations")
    return {(app, name) for app, name in rows if app != "backlog" or name not in REPLACED}


def tables() -> list[str]:
    """The tables of the whole schema, Django's own included."""
    set_up_django()
    from django.db import connection

    return sorted(connection.introspection.django_table_names())


def set_up_django() -> None:
    """From here on its models can be imported, in a command that began without."""
    import django

    # Here and not for the whole process: what the process starts is no part of this project.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_backlog.settings")
    django.setup()
    gc.freeze()  # the interpreter's end would look for garbage in all that


def _waits() -> Iterator[float]:
    """Seconds to wait after each try that fails; 0 after the last."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while time.monotonic() < end:
        yield _PAUSE_SECONDS
    yield 0


def _wait(seconds: float) -> None:
    """Raises `Busy` instead of waiting for no time."""
    what = f"the store's schema is to be upgraded, and {held()}"
    if not seconds:
        raise Busy(f"{what}; end that, and try again")
    import logging  # here: who finds the schema as it should be starts without

    logging.getLogger(__name__).warning("%s; trying again", what)
    time.sleep(seconds)


def held() -> str:
    """Who has held a lock on our tables for longer than a moment, in words."""
    from django.db import connection

    with connection.cursor() as cursor:
        # Else a transaction sees who was there when it looked before.
        cursor.execute("SELECT pg_stat_clear_snapshot()")
        cursor.execute(_HOLDERS, [connection.introspection.django_table_names()])
        rows = cursor.fetchall()
    found = [
        f"pid {pid} (user {user}, {application}, since {iso(since) if since else 'a while ago'})"
        for pid, user, application, since in rows
    ]
    return f"its tables are held by {', '.join(found) or 'somebody who has just gone'}"


def _breaking(error: BaseException) -> str:
    """What keeps the store as it is: PostgreSQL names the rule, this the rows that break it."""
    from django.apps import apps
    from django.db import DatabaseError, connection, transaction

    name = getattr(getattr(error.__cause__, "diag", None), "constraint_name", None)
    found = []
    for model in apps.get_app_config("backlog").get_models():
        columns = [field.column for field in model._meta.local_concrete_fields]
        key = next(column for column in ("card_id", "id", "name") if column in columns)
        for column, rule, holds in _rules(model):
            sql = f"SELECT {key} FROM {model._meta.db_table} WHERE NOT ({holds}) LIMIT 3"  # noqa: S608 (our own words)
            # An earlier schema lacks some columns, or holds what cannot be compared so.
            with suppress(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
                cursor.execute(sql)
                found += [(rule, f"{column} of {row}") for (row,) in cursor.fetchall()]
    # A rule may have had another name; how long a text may be is asked of new ones alone.
    named = [row for rule, row in found if rule == name]
    others = [row for rule, row in found if not rule.endswith("_length")]
    rows = ", ".join(named or others) or "some row"
    reason = str(error).partition("\n")[0]
    return f"the store cannot be upgraded before {rows} is changed (`store psql`): {reason}"


def _rules(model: Any) -> Iterator[tuple[str, str, str]]:
    """Of the model's table: column (or "columns"), name and condition of what must hold."""
    from django.db import connection
    from django.db.models import CheckConstraint

    domains = (_SQL / "domains.sql").read_text()
    for field in model._meta.local_concrete_fields:
        made = re.search(rf"CREATE DOMAIN {getattr(field, 'domain', '-')} .*?;\n", domains, re.S)
        for rule, holds in re.findall(_CHECK, made[0] if made else "", re.S):
            yield field.column, rule, re.sub(r"\bVALUE\b", field.column, holds)
    with connection.schema_editor(collect_sql=True) as editor:
        for constraint in model._meta.constraints:
            if isinstance(constraint, CheckConstraint):
                made_by = str(constraint.constraint_sql(model, editor))
                yield "columns", constraint.name, made_by.partition(" CHECK ")[2]


def dropping() -> str:
    """The SQL that drops the whole schema, Django's own tables included.

    What somebody else made stays; if it hangs on a table, PostgreSQL refuses.
    """
    named = ", ".join(tables())  # and with Django every app has joined
    ours = [Path(import_module(app).__path__[0]) for app in APPS]
    made = "".join(path.read_text() for each in ours for path in each.rglob("*.sql"))
    functions = re.findall(r"CREATE FUNCTION (\w+)", made)
    domains = re.findall(r"CREATE DOMAIN (\w+)", made)
    return f"""DROP VIEW IF EXISTS backlog_run;
DROP FUNCTION IF EXISTS {", ".join(functions)} CASCADE; -- their triggers
DROP TABLE IF EXISTS {named};
DROP DOMAIN IF EXISTS {", ".join(domains)};
"""


def _known(app: str) -> list[str]:
    migrations = Path(import_module(app).__path__[0]) / "migrations"
    return sorted(p.stem for p in migrations.iterdir() if re.fullmatch(r"\d{4}_\w+\.py", p.name))
