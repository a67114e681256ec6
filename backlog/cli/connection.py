"""The command's own way to the store that the environment names: psycopg, no Django."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backlog.session import PsycopgSession


@contextmanager
def open_session() -> "Iterator[PsycopgSession]":
    """A session on the store, its schema up to date.

    Raises `UsageError`, `StoreUnavailable`, `SchemaTooNew`.
    """
    # Here: the help, and the refusal of a wrong option, do without a store.
    from backlog import schema
    from backlog.session import PsycopgSession
    from backlog.store import storage

    with closing(storage.from_environment().connect()) as connection:
        session = PsycopgSession(connection)
        schema.ensure(session)
        yield session
