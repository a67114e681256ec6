"""What a tool calls: the verb, on the store here, or on the server that BACKLOG_URL names."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

from backlog.session import Opener, Session
from backlog.worker.link import is_away
from remote.calls import Called, call, in_the_name
from remote.client.main import reply
from remote.client.wire import Wire
from remote.mcp.server import Answer, Do, answering
from remote.scopes import only_reads


def here(called: Called, given: Mapping[str, Any], *, worker: str, connect: Opener) -> Answer:
    """What the verb answers to this worker. Raises `Refusal`, and what the database raises."""
    said, holds = in_the_name(called, given, worker, operates=True)
    return call(called, said, worker, connect, answering(called), holds=holds)


def by_wire(wire: Wire) -> Do:
    """Has the server do verbs, for the worker of the token that `wire` shows."""

    def do(called: Called, given: Mapping[str, Any]) -> Answer:
        found = wire.ask(called.name, given, reads=only_reads(called.name))
        return answering(called)(reply(called.name, found), None)

    return do


class Kept:
    """An `Opener` for one thread, whose session is kept, and made anew once it broke."""

    def __init__(self, connect: Opener) -> None:
        self._connect = connect
        self._opened = ExitStack()
        self._session: Session | None = None

    @contextmanager
    def __call__(self) -> Iterator[Session]:
        if self._session is not None and not _answers(self._session):
            self.close()
        if self._session is None:
            self._session = self._opened.enter_context(self._connect())
        try:
            yield self._session
        except Exception as error:
            if is_away(error):  # a standby by now, say, which goes on answering
                self.close()
            raise

    def close(self) -> None:
        self._session = None
        with suppress(Exception):  # a broken connection has nothing left to say
            self._opened.close()


def _answers(session: Session) -> bool:
    """Whether its server still does: it may have been restarted since the last verb, hours ago."""
    with suppress(Exception):
        session.execute("SELECT 1")
        return True
    return False
