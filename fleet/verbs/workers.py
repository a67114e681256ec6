"""Who is who: the workers that are registered, each with its roles."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, UsageError, WrongState
from backlog.session import Session, in_transaction
from fleet import roles as library
from fleet.enforced import are_enforced

REGISTER: Final = "worker add"  # the right to
MOST_ROLES: Final = 50
_COLUMNS: Final = "name, roles::text, registered_at"


class Worker(NamedTuple):
    """Somebody who is registered, since when, and the roles they may act in."""

    name: str
    roles: list[str]
    registered_at: datetime


def lock(session: Session) -> None:
    """Until the transaction ends, nobody else is registered or goes."""
    session.execute("LOCK TABLE fleet_worker IN SHARE ROW EXCLUSIVE MODE")


def is_run(session: Session) -> bool:
    """Whether anybody is registered who may register others. Raises `ConfigurationError`."""
    return REGISTER in library.granted(role for each in workers(session) for role in each.roles)


@contextmanager
def _still_run(session: Session, name: str) -> Iterator[None]:
    """Where rights are enforced, somebody is left who may register others, or it is refused."""
    lock(session)
    was_run = are_enforced() and is_run(session)
    yield
    if was_run and not is_run(session):
        raise WrongState(
            f"{name} is the last who may register workers: register another operator first"
        )


@in_transaction
def add(session: Session, name: str, roles: Sequence[str]) -> Worker:
    """Register a worker with these roles, named by name or class; again: instead of those before.

    Raises `UsageError`, `NotFound` for a role that is not there, `ConfigurationError`; where rights
    are enforced `WrongState`, if nobody could register anybody afterwards.
    """
    name, known = values.name(name, "NAME"), checked_roles(roles)
    sql = f"""
        INSERT INTO fleet_worker (name, roles) VALUES (%s, %s)
        ON CONFLICT (name) DO UPDATE SET roles = excluded.roles RETURNING {_COLUMNS}"""
    with _still_run(session, name):
        return _worker(session.execute(sql, (name, json.dumps(known))).fetchone())


@in_transaction
def remove(session: Session, name: str) -> Worker:
    """Nobody of this name is registered any more; who was.

    Raises `UsageError`, `NotFound`; `WrongState` as `add` does.
    """
    sql = f"DELETE FROM fleet_worker WHERE name = %s RETURNING {_COLUMNS}"
    name = values.name(name, "NAME")
    with _still_run(session, name):
        row = session.execute(sql, (name,)).fetchone()
    if row is None:
        raise NotFound(f"no worker {name} is registered; `worker list` names those who are")
    return _worker(row)


def workers(session: Session) -> list[Worker]:
    """Everybody who is registered, by name."""
    sql = f"SELECT {_COLUMNS} FROM fleet_worker ORDER BY name"
    return [_worker(row) for row in session.execute(sql)]


def worker(session: Session, name: str) -> Worker | None:
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
