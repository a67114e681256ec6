"""Who is who: the workers that are registered, each with its roles."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, UsageError
from backlog.session import Session, in_transaction
from fleet import roles as library

MOST_ROLES: Final = 50
_COLUMNS: Final = "name, roles::text, registered_at"


class Worker(NamedTuple):
    """Somebody who is registered, since when, and the roles they may act in."""

    name: str
    roles: list[str]
    registered_at: datetime


@in_transaction
def add(session: Session, name: str, roles: Sequence[str]) -> Worker:
    """Register a worker with these roles, named by name or class; again: instead of those before.

    Raises `UsageError`, `NotFound` for a role that is not there, `ConfigurationError`.
    """
    known = checked_roles(roles)
    sql = f"""
        INSERT INTO fleet_worker (name, roles) VALUES (%s, %s)
        ON CONFLICT (name) DO UPDATE SET roles = excluded.roles RETURNING {_COLUMNS}"""
    row = session.execute(sql, (values.name(name, "NAME"), json.dumps(known))).fetchone()
    return _worker(row)


@in_transaction
def remove(session: Session, name: str) -> Worker:
    """Nobody of this name is registered any more; who was. Raises `UsageError`, `NotFound`."""
    sql = f"DELETE FROM fleet_worker WHERE name = %s RETURNING {_COLUMNS}"
    row = session.execute(sql, (values.name(name, "NAME"),)).fetchone()
    if row is None:
        raise NotFound(f"no worker {name} is registered; `worker list` names those who are")
    return _worker(row)


def workers(session: Session) -> list[Worker]:
    """Everybody who is registered, by name."""
    sql = f"SELECT {_COLUMNS} FROM fleet_worker ORDER BY name"
    return [_worker(row) for row in session.execute(sql).fetchall()]


def worker(session: Session, name: str) -> Worker | None:
    """Who is registered by this name."""
    sql = f"SELECT {_COLUMNS} FROM fleet_worker WHERE name = %s"
    row = session.execute(sql, (name,)).fetchone()
    return None if row is None else _worker(row)


def checked_roles(roles: Sequence[str]) -> list[str]:
    """The names of these roles, each once.

    Raises `UsageError`, `NotFound`, `ConfigurationError`.
    """
    named = list(dict.fromkeys(library.role(each).name for each in roles))
    if not 0 < len(named) <= MOST_ROLES:
        raise UsageError(f"a worker has a role, and at most {MOST_ROLES}")
    return named


def _worker(row: Any) -> Worker:
    name, roles, registered_at = row
    return Worker(name, json.loads(roles), registered_at)
