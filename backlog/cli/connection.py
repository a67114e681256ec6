"""The command's own way to the store that the environment names: psycopg, no Django."""

import gc
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from backlog.session import PsycopgSession


@cache
def _import_psycopg() -> None:
    """Once in a process, and without looking for garbage among what it makes, of which none is.

    To look for it, then and at the end of the process, is a fifth of a command's time.
    """
    gc.disable()
    import psycopg  # noqa: F401 (that it is imported is the point)

    gc.freeze()
    gc.enable()


@contextmanager
def open_session() -> "Iterator[PsycopgSession]":
    """A session on the store, its schema up to date.

    Raises `UsageError`, `StoreUnavailable`, `SchemaTooNew`.
    """
    # Here: the help, and the refusal of a wrong option, do without a store.
    from backlog import schema
    from backlog.session import PsycopgSession
    from backlog.store import storage

    store = storage.from_environment()
    _import_psycopg()
    with closing(store.connect()) as connection:
        session = PsycopgSession(connection)
        schema.ensure(session)
        yield session
