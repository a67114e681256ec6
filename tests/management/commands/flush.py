"""What Django calls after each test that commits: the tables as they are after `migrate`.

Its own command makes the files of every table anew, and then the permissions: that takes longer
than most tests, and the groups are gone. Here rows go one by one, and what stays is put right.
"""

from functools import cache
from typing import Any

from django.core.management.commands import flush
from django.db import connection, transaction

_KEPT = ("django_content_type", "auth_permission", "auth_group", "auth_group_permissions")
_AS_MIGRATED: dict[str, list[Any]] = {}
_SUMS: list[int] = []


class Command(flush.Command):
    def handle(self, **options: Any) -> None:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(_emptying())
            if _sums(cursor) != _SUMS:
                for table, rows in _AS_MIGRATED.items():
                    _put_right(cursor, table, rows)


def remember() -> None:
    """Take the tables for as they are to be."""
    with connection.cursor() as cursor:
        for table in _KEPT:
            cursor.execute(f"SELECT * FROM {table} ORDER BY id")
            _AS_MIGRATED[table] = cursor.fetchall()
        _SUMS[:] = _sums(cursor)


@cache
def _emptying() -> str:
    """One text of statements, past every trigger and rule."""
    names = connection.introspection.django_table_names(only_existing=True, include_views=False)
    deletes = [f"DELETE FROM {name}" for name in names if name not in _KEPT]
    return "; ".join(["SET LOCAL session_replication_role = replica", *deletes])


def _sums(cursor: Any) -> list[Any]:
    sums = [f"(SELECT sum(hashtextextended(t::text, 0)) FROM {table} AS t)" for table in _KEPT]
    cursor.execute("SELECT " + ", ".join(sums))
    return list(cursor.fetchone())


def _put_right(cursor: Any, table: str, rows: list[Any]) -> None:
    cursor.execute(f"DELETE FROM {table}")
    values = ", ".join(["%s"] * len(rows[0]))
    cursor.executemany(f"INSERT INTO {table} VALUES ({values})", rows)
