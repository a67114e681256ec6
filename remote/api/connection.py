"""The connection of a request: this thread's, which Django looks after when the request ends."""

from contextlib import AbstractContextManager, nullcontext

from django.db import DEFAULT_DB_ALIAS, router

from backlog.connection import DjangoSession
from backlog.models import Card
from backlog.session import Session


def reading() -> AbstractContextManager[Session]:
    """A session on whichever database the project has what may be old read from."""
    return nullcontext(DjangoSession(router.db_for_read(Card)))


def session() -> AbstractContextManager[Session]:
    """A session on it, of the primary: for tokens, and for all that writes. As
    `backlog.connection.open_session`, but asked once a request, and not at every use, whether it
    still works."""
    return nullcontext(DjangoSession(DEFAULT_DB_ALIAS))
