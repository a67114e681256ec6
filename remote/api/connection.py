"""The sessions of a request, on Django's connections, which Django closes or keeps afterwards."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

from django.db import DEFAULT_DB_ALIAS, connections, router

from backlog.connection import DjangoSession
from backlog.errors import StoreUnavailable
from backlog.models import Card
from backlog.session import Session, as_refusal


def reading() -> AbstractContextManager[Session]:
    """A session on the database that the project reads from, which may be a replica."""
    return nullcontext(DjangoSession(router.db_for_read(Card)))


def session() -> AbstractContextManager[Session]:
    """A session on the primary, for tokens and for all that writes. Unlike
    `backlog.connection.open_session`, it does not ask at every use whether the connection works:
    `first` has found that out."""
    return nullcontext(DjangoSession(DEFAULT_DB_ALIAS))


def first[T](read: Callable[[Session], T]) -> T:
    """What `read` gives, which a request calls before anything else. If the connection broke since
    the last request, it is called again on a new one: that saves asking first whether it works.

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
