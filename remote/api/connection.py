"""The connection of a request: this thread's, which Django looks after when the request ends."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from django.db import DEFAULT_DB_ALIAS, connections, router

from backlog.connection import DjangoSession
from backlog.errors import StoreUnavailable
from backlog.models import Card
from backlog.session import Session, as_refusal


def reading() -> AbstractContextManager[Session]:
    """A session on whichever database the project has what may be old read from."""
    return nullcontext(DjangoSession(router.db_for_read(Card)))


def session() -> AbstractContextManager[Session]:
    """A session on it, of the primary: for tokens, and for all that writes. As
    `backlog.connection.open_session`, but asked once a request, and not at every use, whether it
    still works."""
    return nullcontext(DjangoSession(DEFAULT_DB_ALIAS))


def first[T](read: Callable[[Session], T]) -> T:
    """What the first statements of a request read, which show whether the connection still works:
    to ask that first would be a trip more. If it broke since the last request, on a new one.

    Raises what `read` raises.
    """
    connection = connections[DEFAULT_DB_ALIAS]
    was_open = connection.connection is not None and not connection.in_atomic_block
    connection.health_check_done = True  # type: ignore[attr-defined]  # (the stubs lack it)
    try:
        return read(DjangoSession(DEFAULT_DB_ALIAS))
    except Exception as error:
        if not was_open or not isinstance(as_refusal(error), StoreUnavailable):
            raise
    connection.close()
    return read(DjangoSession(DEFAULT_DB_ALIAS))
