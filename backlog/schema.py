"""Is the schema this code's? One cheap query says so; Django is loaded only if it is not."""

import os
import re
from pathlib import Path
from typing import Final

from backlog.errors import Refusal, SchemaTooNew
from backlog.session import Session, sqlstate

_MIGRATIONS: Final = Path(__file__).with_name("migrations")
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
_APPLIED: Final = "SELECT name FROM django_migrations WHERE app = 'backlog'"
_UNDEFINED_TABLE: Final = "42P01"

# One key for every process that may create or upgrade the schema of a database.
_LOCK: Final = "SELECT pg_advisory_xact_lock(1650549611, -2)"


def ensure(session: Session) -> None:
    """Bring the schema up to date if it is older than the code. Raises `SchemaTooNew`."""
    if not is_current(session):
        migrate()


def is_current(session: Session) -> bool:
    """Whether the newest migration of the code is the newest that was applied.

    Raises `SchemaTooNew` if the store has one that the code does not know.
    """
    known = _known()
    try:
        applied = {row[0] for row in session.execute(_APPLIED).fetchall()}
    except Exception as error:
        if sqlstate(error) != _UNDEFINED_TABLE:
            raise
        return False
    if unknown := applied.difference(known, REPLACED):
        raise SchemaTooNew(
            f"the store's schema {max(unknown)} is newer than this code's {known[-1]}:"
            " upgrade the code"
        )
    return known[-1] in applied


def migrate() -> None:
    """Create or upgrade the whole schema, Django's own tables included; safe to race.

    Raises `Refusal` where the role may not create tables.
    """
    _set_up_django()
    from django.core.management import call_command
    from django.db import connection, transaction
    from django.db.migrations.exceptions import MigrationSchemaMissing

    # One transaction around all migrations: whoever comes second waits at the lock and finds
    # the work done; a failure leaves the schema as it was.
    try:
        with transaction.atomic():
            with connection.cursor() as cursor:
                cursor.execute(_LOCK)
            call_command("migrate", verbosity=0, interactive=False)
    except MigrationSchemaMissing as error:
        reason = str(error).partition("\n")[0]
        raise Refusal(f"{reason}: the role needs CREATE on a schema of its search_path") from None
    connection.close()


def _set_up_django() -> None:
    import django

    # Here and not for the whole process: what the process starts is no part of this project.
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_backlog.settings")
    django.setup()


def dropping() -> str:
    """The SQL that drops the whole schema, Django's own tables included.

    What somebody else made stays; if it hangs on a table, PostgreSQL refuses.
    """
    _set_up_django()
    from django.db import connection

    tables = connection.introspection.django_table_names()
    made = "".join(path.read_text() for path in _SQL.glob("*.sql"))
    functions = re.findall(r"CREATE FUNCTION (\w+)", made)
    domains = re.findall(r"CREATE DOMAIN (\w+)", made)
    return f"""DROP VIEW IF EXISTS backlog_run;
DROP FUNCTION IF EXISTS {", ".join(functions)} CASCADE; -- their triggers
DROP TABLE IF EXISTS {", ".join(tables)};
DROP DOMAIN IF EXISTS {", ".join(domains)};
"""


def _known() -> list[str]:
    return sorted(p.stem for p in _MIGRATIONS.iterdir() if re.fullmatch(r"\d{4}_\w+\.py", p.name))
