"""Claims that wait for something to claim, and hold no connection to the database meanwhile.

Each that waits keeps a thread of the server busy, so a process has room for a few: the next one is
refused at once.
"""

import select
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

import psycopg
from django.db import DEFAULT_DB_ALIAS, connections
from django.http import HttpRequest

from backlog import schema
from backlog.errors import Refusal, UsageError
from backlog.session import PsycopgSession, idle_pauses
from backlog.store import storage
from backlog.values import integer
from remote.api.errors import Gone, TooMany
from remote.verbs.answers import Answer
from remote.verbs.waiting import has_reason
from remote.words import MOST_SECONDS

_LOOK_SECONDS: Final = 0.1
# What the JSON of a claimed card has, and what its line for people has, written as JSON.
_OF_A_CARD: Final = ('"id":', r"\t[claimed]\t")


class _Look:
    """Whether there is a reason to try again: asked once for all who wait, on one connection."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._connection: Any = None
        self._at, self._found = float("-inf"), True

    def has_reason(self) -> bool:
        """As of a moment ago. True where the store does not answer, for then the claim says why."""
        with self._lock:
            if time.monotonic() - self._at > _LOOK_SECONDS:
                try:
                    if self._connection is None:
                        self._connection = storage.from_environment().connect()
                        schema.pin(PsycopgSession(self._connection))
                    self._found = has_reason(PsycopgSession(self._connection))
                except (Refusal, psycopg.Error):
                    self._close()
                    self._found = True
                self._at = time.monotonic()
            return self._found

    def close(self) -> None:
        """Nobody waits any more."""
        with self._lock:
            self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = None


class _Room:
    """How many may wait at once in this process, and whether they may go on."""

    def __init__(self, most: int) -> None:
        self.most = most
        self.ended = threading.Event()
        self.look = _Look()
        self._waiting = 0
        self._lock = threading.Lock()

    def enter(self) -> bool:
        with self._lock:
            if self._waiting >= self.most:
                return False
            self._waiting += 1
            return True

    def leave(self) -> None:
        with self._lock:
            self._waiting -= 1
            if not self._waiting:
                self.look.close()


ROOM: Final = _Room(4)


class Try(Protocol):
    """Makes the claim once. `keeps` says whether its answer is the one to keep for the key; if
    `check` raises anything of it, the claim is undone."""

    def __call__(
        self,
        *,
        keeps: Callable[[Answer], bool] = ...,
        check: Callable[[Answer], None] | None = ...,
    ) -> Answer: ...


def seconds(request: HttpRequest, given: dict[str, Any]) -> int:
    """How long to wait: `wait` of the query, else of the body, from which it is removed.

    Raises `UsageError`.
    """
    said = given.pop("wait", None)
    if said is not None and "wait" in request.GET:
        raise UsageError("wait is given twice: in the address, and in the body")
    said = request.GET.get("wait", 0 if said is None else said)
    seconds = integer(str(said), "wait", 0, MOST_SECONDS)
    if seconds and given.get("id") is not None:
        raise UsageError("id names the card: leave out wait")
    return seconds


def until(request: HttpRequest, seconds: int, claim: Try) -> Answer:
    """The answer of the first claim that takes something, or of the last one when the seconds are
    over.

    Raises `TooMany` if there is no room to wait, `Gone`, and whatever the claim raises.
    """
    _check_stays(request)  # it may have stood in the queue of a busy server for long
    if not seconds:
        return claim()
    end = time.monotonic() + seconds
    # Who hangs up while this claims gets no card either; from then on only a second try with the
    # same key, or the end of the lease, finds what was claimed.
    claim = partial(claim, check=lambda answer: _check_stays(request) if _took(answer) else None)
    answer = claim(keeps=_took)
    if _took(answer):
        return answer
    if not ROOM.enter():
        raise TooMany(
            f"{ROOM.most} calls wait here already: try again in a moment, or without wait"
        )
    try:
        for pause in idle_pauses():
            connections[DEFAULT_DB_ALIAS].close()
            left = end - time.monotonic()
            ended = ROOM.ended.wait(max(0, min(pause, left)))
            _check_stays(request)
            is_last = ended or left <= pause
            if not is_last and not ROOM.look.has_reason():
                continue
            answer = claim() if is_last else claim(keeps=_took)
            if is_last or _took(answer):
                return answer
    finally:
        ROOM.leave()
    raise AssertionError("the pauses do not end")


def _took(answer: Answer) -> bool:
    """Whether a card was claimed: an answer without any has neither a card's JSON nor its line."""
    return any(each in answer.body for each in _OF_A_CARD)


def _check_stays(request: HttpRequest) -> None:
    """Raise `Gone`, for whom a claim would be theirs until its lease is over."""
    if _has_gone(request):
        raise Gone("whoever asked has hung up")


def _has_gone(request: HttpRequest) -> bool:
    """Whether the client has hung up, where the server lets one see its socket."""
    client = request.META.get("gunicorn.socket")
    if client is None:
        return False
    looked = select.poll()  # the socket itself would wait for its time-out
    looked.register(client, select.POLLIN)
    if not looked.poll(0):
        return False
    try:
        return not client.recv(1, socket.MSG_PEEK)
    except OSError:
        return True
