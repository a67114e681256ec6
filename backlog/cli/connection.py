"""The command's own way to the store that the environment names: psycopg, no Django."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from backlog import schema
from backlog.session import PsycopgSession
from backlog.store import storage


@contextmanager
def open_session() -> Iterator[PsycopgSession]:
    """A session on the store, its schema up to date.

    Raises `UsageError`, `StoreUnavailable`, `SchemaTooNew`.
    """
    with closing(storage.from_environment().connect()) as connection:
        session = PsycopgSession(connection)
        schema.ensure(session)
        yield session
