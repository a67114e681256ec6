"""What Django calls after each test that commits: the tables as they are after `migrate`.

Its own command makes the files of every table anew, and then the permissions: that takes longer
than most tests, and the groups are gone. Here rows go one by one, and what stays is put right.
"""

from functools import cache
from typing import Any

from django.core.management.commands import flush
from django.db import connection, transaction

_KEPT = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
AS_MIGRATED: dict[str, list[Any]] = {table: [] for table in _KEPT}


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL session_replication_role = replica")  # no trigger, no rule
            for table in _tables():
                if table not in AS_MIGRATED:
                    cursor.execute(f"DELETE FROM {table}")
                elif _rows(cursor, table) != AS_MIGRATED[table]:
                    _put_right(cursor, table)


def remember() -> None:
    """Take the tables for as they are to be."""
    with connection.cursor() as cursor:
        AS_MIGRATED.update({table: _rows(cursor, table) for table in AS_MIGRATED})


@cache
def _tables() -> list[str]:
    return connection.introspection.django_table_names(only_existing=True, include_views=False)


def _rows(cursor: Any, table: str) -> list[Any]:
    cursor.execute(f"SELECT * FROM {table} ORDER BY id")
    return cursor.fetchall()


def _put_right(cursor: Any, table: str) -> None:
    cursor.execute(f"DELETE FROM {table}")
    rows = AS_MIGRATED[table]
    values = ", ".join(["%s"] * len(rows[0]))
    cursor.executemany(f"INSERT INTO {table} VALUES ({values})", rows)
