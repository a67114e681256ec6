"""The command's own way to the store that the environment names: psycopg, no Django."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from backlog import schema
from backlog.errors import StoreUnavailable, UsageError
from backlog.session import PsycopgSession
from backlog.store import storage


def configured() -> storage.Storage:
    """The store that the environment names. Raises `UsageError`."""
    try:
        return storage.from_environment()
    except storage.ConfigurationError as error:
        raise UsageError(str(error)) from None


@contextmanager
def open_session() -> Iterator[PsycopgSession]:
    """A session on the store, its schema up to date.

    Raises `UsageError`, `StoreUnavailable`, `SchemaTooNew`.
    """
    store = configured()
    try:
        connection = store.connect()
    except storage.ConfigurationError as error:  # the URL is read only now
        raise UsageError(str(error)) from None
    except storage.StoreError as error:
        raise StoreUnavailable(str(error)) from None
    with closing(connection):
        session = PsycopgSession(connection)
        try:
            schema.ensure(session)
        except storage.ConfigurationError as error:
            raise UsageError(str(error)) from None
        yield session
