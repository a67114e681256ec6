"""Where a worker of functions finds its cards."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial

from backlog import schema
from backlog.errors import Refusal
from backlog.session import Opener, PsycopgSession
from backlog.store import storage


def opener(store: str | Opener | None) -> Opener:
    """What opens sessions on this store: the environment's (None), a server's by its URL, or one
    that the caller opens. Raises `UsageError`."""
    if store is None:
        return _of_environment
    if not isinstance(store, str):
        return store
    return partial(_of_server, storage.Server(store.strip(), called="store").checked())


@contextmanager
def _of_environment() -> Iterator[PsycopgSession]:
    with closing(storage.from_environment().connect()) as connection:
        session = PsycopgSession(connection)
        schema.ensure(session)
        yield session


@contextmanager
def _of_server(server: storage.Server) -> Iterator[PsycopgSession]:
    with closing(server.connect()) as connection:
        session = PsycopgSession(connection)
        if not schema.pin(session):  # which Django would upgrade in its own database
            raise Refusal("the store is to be upgraded: run `backlog stats` there, by DATABASE_URL")
        yield session
