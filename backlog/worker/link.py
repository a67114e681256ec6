"""The way to the store: a session that comes back after the store was away."""

from collections.abc import Callable
from contextlib import ExitStack, suppress
from threading import Event
from typing import Final

from backlog.errors import Busy, Refusal, StoreUnavailable
from backlog.records import one_line
from backlog.session import Opener, Session, as_refusal, idle_pauses, sqlstate

# About a value: it will be refused again. Of everything else that a server may complain of (locks,
# time-outs, resources, rights, a standby, a schema that is just being restored), nobody can say
# that waiting does not cure it.
_OF_A_VALUE: Final = ("22", "23")


class Away(Exception):
    """The store does not answer now; what was asked of it may have happened."""


class Link:
    """One thread's session, opened when it is needed and anew after it broke.

    `log` is told when the store goes (`"store-away"`, with the `reason`) and when it comes back
    (`"store-back"`). The first session may be given; it is not closed here.
    """

    def __init__(
        self, connect: Opener, log: Callable[..., object], session: Session | None = None
    ) -> None:
        self._connect, self._log = connect, log
        self._opened = ExitStack()
        self._session = session
        self._away = False

    def ask[T](self, verb: Callable[[Session], T]) -> T:
        """The verb's answer. Raises `Refusal` and `Away`, and defects as they are."""
        try:
            if self._session is None:
                self._session = self._opened.enter_context(self._connect())
            answer = verb(self._session)
        except Exception as error:
            if not is_away(error):
                self._note_back()
                raise as_refusal(error) or error from None
            self.close()
            if not self._away:
                self._away = True
                self._log("store-away", reason=one_line(as_refusal(error)))
            raise Away from error
        self._note_back()
        return answer

    def insist[T](self, verb: Callable[[Session], T], until: Event) -> T:
        """As `ask`, again and again, until there is an answer. Raises `Away` after `until`."""
        for pause in idle_pauses():
            try:
                return self.ask(verb)
            except Away:
                if until.wait(pause):
                    raise
        raise AssertionError  # the pauses never end

    def close(self) -> None:
        self._session = None
        with suppress(Exception):  # a broken connection has nothing left to say
            self._opened.close()

    def _note_back(self) -> None:
        if self._away:
            self._away = False
            self._log("store-back")


def is_away(error: Exception) -> bool:
    """Whether trying again, on a new connection, may help."""
    if isinstance(error, Refusal):
        return isinstance(error, Busy | StoreUnavailable)
    state = sqlstate(error)
    if state is not None:
        return not state.startswith(_OF_A_VALUE)
    import psycopg

    # Without a state: the client's own complaint. Not every one of them is about the connection.
    cause = error if isinstance(error, psycopg.Error) else error.__cause__
    return isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError)
