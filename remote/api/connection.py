"""The connection of a request: this thread's, which Django looks after when the request ends."""

from contextlib import AbstractContextManager, nullcontext

from django.db import DEFAULT_DB_ALIAS

from backlog.connection import DjangoSession
from backlog.session import Session


def session() -> AbstractContextManager[Session]:
    """A session on it: as `backlog.connection.open_session`, but asked once a request, and not at
    every use, whether it still works."""
    return nullcontext(DjangoSession(DEFAULT_DB_ALIAS))
