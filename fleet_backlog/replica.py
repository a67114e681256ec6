"""Pages read from a streaming replica, while it is near enough, and what whoever only reads calls.

A page is read from one database as a whole, its version included. What is older than may be, what
was just acted on, what the replica does not answer and what it does not have is read from the
primary.
"""

import logging
import math
import os
import socket
import time
from collections.abc import Callable
from contextlib import suppress
from contextvars import ContextVar
from functools import partial
from threading import Lock, get_ident
from typing import Any, Final, NamedTuple

import psycopg
from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Model
from django.http import Http404, HttpRequest, HttpResponse

from backlog.errors import NotFound
from backlog.records import one_line
from backlog.web.live import SECONDS_OLD
from fleet_backlog import cookies

ALIAS: Final = "replica"

# Whose pages; whose tables. Accounts, sessions and tokens are always the primary's, and so is the
# administration.
_PAGES: Final = ("backlog.web.", "fleet.pages.", "hooks.pages")
_APPS: Final = frozenset({"backlog", "fleet", "hooks"})
# A measure serves all pages of a process for so long; one that failed for longer.
_MEASURE_SECONDS: Final = 0.5
_AWAY_SECONDS: Final = 5.0
# So long a page waits for a replica that answers nobody.
_PATIENCE_SECONDS: Final = 3.0
# An age that is not worth a word.
_YOUNG_SECONDS: Final = 1.0
# The log is told why it is not read no more often.
_QUIET_SECONDS: Final = 30.0

# What a database is, wherever it runs: of which cluster, and which in it.
_WHICH: Final = """(SELECT system_identifier FROM pg_control_system()),
    (SELECT oid::bigint FROM pg_database WHERE datname = current_database())"""
# The primary is asked first: what it had written then, the replica has replayed or has not. The
# first digits of a file of the log are its timeline: each promotion begins another one.
_WRITTEN: Final = f"""
SELECT {_WHICH}, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer,
    pg_current_wal_lsn(), clock_timestamp()"""
# How old that is, by the primary's clock: its commits say when they were. Null where nobody knows:
# one that has been started again has replayed none yet.
_AGE: Final = f"""
SELECT {_WHICH}, (SELECT greatest(timeline_id, min_recovery_end_timeline)
        FROM pg_control_checkpoint(), pg_control_recovery()),
    pg_is_in_recovery(), CASE WHEN pg_last_wal_replay_lsn() >= %s::pg_lsn THEN 0
        WHEN pg_last_xact_replay_timestamp() IS NULL THEN NULL
        ELSE greatest(0, extract(epoch FROM
            %s::timestamptz - pg_last_xact_replay_timestamp())) END"""  # noqa: S608 (our own words)

# How old what is read from the replica may be; None: the primary is read.
_READING: Final[ContextVar[float | None]] = ContextVar("backlog_reading_replica", default=None)


class Router:
    """Sends what a page reads, and so every statement of it, to the replica."""

    def _place(self, model: type[Model], **hints: Any) -> str | None:
        return ALIAS if _READING.get() is not None and model._meta.app_label in _APPS else None

    db_for_read = db_for_write = _place

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool:
        """Both are the same database's rows, wherever they were read."""
        return True

    def allow_migrate(self, alias: str, app: str, **hints: Any) -> bool | None:
        return False if alias == ALIAS else None


class NotToBeUsed(Exception):
    """Why no page is read from the replica, in words for whoever runs the site."""


class _Measure(NamedTuple):
    at: float  # by the monotonic clock
    age: float | None  # seconds; None: not to be used

    def now(self) -> float | None:
        return None if self.age is None else self.age + time.monotonic() - self.at

    def holds_for(self, times: int) -> bool:
        kept = _AWAY_SECONDS if self.age is None else _MEASURE_SECONDS
        return time.monotonic() - self.at < times * kept


class _Again(HttpResponse):
    """No answer: the primary is asked."""


class ReplicaMiddleware:
    """Chooses where a page is read, and says so; see this module."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if ALIAS not in connections.databases:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self._measure = _Measure(-math.inf, None)
        self._measuring = Lock()
        self._level = -math.inf  # when the replica last had all that the primary had
        self._said = _Said()
        self._readers = _Readers()
        self._acted = f"acted_{cookies.suffix(connections.databases[DEFAULT_DB_ALIAS])}"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _READING.set(None)
        try:
            response = self.get_response(request)
            # What is not there may be there by now.
            if _READING.get() is not None and (
                isinstance(response, _Again) or response.status_code == 404
            ):
                self._leave(request)
                response = self.get_response(request)
            if (age := _READING.get()) is not None:
                response[SECONDS_OLD] = str(_shown(age))
        finally:
            _READING.reset(token)
            self._readers.leave()
        if request.method not in ("GET", "HEAD"):
            # By then, whatever replica is read has what was done, or none is read.
            age = math.ceil(settings.BACKLOG_REPLICA_LAG + _MEASURE_SECONDS) + 1
            response.set_cookie(
                self._acted,
                "1",
                max_age=age,
                path=settings.SESSION_COOKIE_PATH,
                httponly=True,
                secure=settings.SESSION_COOKIE_SECURE,
                samesite="Lax",
            )
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        """Read the page that follows from the replica, if it is to be; a call may do so, by what
        the request is given for it."""
        if request.method not in ("GET", "HEAD") or hasattr(request, "left_replica"):
            return
        if view.__module__.startswith(_PAGES):
            if self._acted not in request.COOKIES:
                self._enter(request)
        else:
            request.from_replica = partial(self._from_replica, request)  # type: ignore[attr-defined]  # see `remote.api.acting`

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page from the primary, if the replica has gone, or would have had to write, or lacks
        what it is about."""
        if _READING.get() is None or not _may_be_the_replica_s(error):
            return None
        self._see(error)
        return _Again()

    def _from_replica[T](self, request: HttpRequest, read: Callable[[], T]) -> T:
        """What `read` gives or raises, from the replica if that may be asked and knows it."""
        if not self._enter(request):
            return read()
        try:
            return read()
        except Exception as error:
            if not _may_be_the_replica_s(error):
                raise
            self._see(error)
        self._leave(request)
        return read()

    def _enter(self, request: HttpRequest) -> bool:
        """Whether what follows is read from the replica."""
        age = self._age()
        if age is None or age > settings.BACKLOG_REPLICA_LAG:
            return False
        _READING.set(age)
        self._readers.enter()
        request.seconds_old = _shown(age)  # type: ignore[attr-defined]  # for the template
        return True

    def _leave(self, request: HttpRequest) -> None:
        """What follows is read from the primary."""
        _READING.set(None)
        self._readers.leave()
        vars(request).pop("seconds_old", None)
        request.left_replica = True  # type: ignore[attr-defined]  # for `process_view`

    def _see(self, error: Exception) -> None:
        """Leave the replica alone for a while if it is away: not for a statement that failed."""
        opened = connections[ALIAS].connection
        if _of_database(error) and (opened is None or opened.closed):
            connections[ALIAS].close()
            self._measure = _Measure(time.monotonic(), None)
            self._said.say(f"it cannot be asked: {one_line(error)}")

    def _age(self) -> float | None:
        """Seconds that the replica is behind; None where it is not to be used."""
        # Who finds it old measures. The others go by the last one for a moment more, and then by
        # none: the replica does not answer.
        if not self._measure.holds_for(1) and self._measuring.acquire(blocking=False):
            self._readers.enter()
            try:
                self._measure = self._measured(time.monotonic())
            finally:
                self._readers.leave()
                self._measuring.release()
        if self._measure.age is None or not self._measure.holds_for(2):
            self._readers.cut_off()
        return self._measure.now() if self._measure.holds_for(2) else None

    def _measured(self, now: float) -> _Measure:
        try:
            age = _behind()
        except (NotToBeUsed, Error) as error:
            connections[ALIAS].close()
            self._said.say(one_line(error))
            return _Measure(now, None)
        if age == 0:
            self._level = now
        age = min(age, now - self._level)
        far = age > settings.BACKLOG_REPLICA_LAG
        self._said.say("it is further behind than BACKLOG_REPLICA_LAG" if far else None)
        return _Measure(now, age)


class _Readers:
    """Threads that read the replica. Its host may be there while it answers nothing, a disk hangs,
    say: no time-out of a connection's sees that, so whoever comes later lets them go on."""

    def __init__(self) -> None:
        self._since: dict[int, tuple[float, Any]] = {}

    def enter(self) -> None:
        self._since[get_ident()] = time.monotonic(), connections[ALIAS]

    def leave(self) -> None:
        self._since.pop(get_ident(), None)

    def cut_off(self) -> None:
        """End the connections of those that have read for too long, where nobody is answered."""
        for since, reader in list(self._since.values()):
            if time.monotonic() - since < _PATIENCE_SECONDS or reader.connection is None:
                continue
            with suppress(OSError, Error, psycopg.Error):  # it has ended by itself
                _shut_down(reader.connection.fileno())


def _shut_down(descriptor: int) -> None:
    with socket.socket(fileno=os.dup(descriptor)) as its:
        its.shutdown(socket.SHUT_RDWR)


class _Said:
    """Tells the log why the replica is not read, once, and when it is again."""

    def __init__(self) -> None:
        self._why: str | None = None
        self._at = -math.inf

    def say(self, why: str | None) -> None:
        """Why not; None: it is read. Of one that comes and goes twice a minute at most."""
        if why == self._why or time.monotonic() - self._at < _QUIET_SECONDS:
            return
        self._why, self._at = why, time.monotonic()
        log = logging.getLogger(__name__)
        if why is None:
            log.warning("pages are read from the replica again")
        else:
            log.warning("pages are read from the primary, not from the replica: %s", why)


def _behind() -> float:
    """Seconds at most; 0: it has all that the primary has. Raises `NotToBeUsed`, `Error`."""
    with connections[DEFAULT_DB_ALIAS].cursor() as primary, connections[ALIAS].cursor() as replica:
        return behind(primary, replica)


def behind(primary: Any, replica: Any) -> float:
    """Seconds at most that the one is behind, by cursors of both; 0: it has all that the other has.

    Raises `NotToBeUsed` for what is no replica of it, or of which nobody can say.
    """
    primary.execute(_WRITTEN)
    *which, timeline, lsn, at = primary.fetchone()
    replica.execute(_AGE, (lsn, at))
    *copied, followed, is_replica, age = replica.fetchone()
    if which != copied:
        raise NotToBeUsed("it is of another database: BACKLOG_REPLICA_URL names a wrong one")
    if not is_replica:
        raise NotToBeUsed("it is a replica no more, it was promoted")
    if timeline != followed:
        raise NotToBeUsed("it follows another primary, or has not come to this one's promotion yet")
    if age is None:
        raise NotToBeUsed("it has replayed nothing since its start, and how old it is nobody knows")
    return float(age)


def _shown(age: float) -> int:
    return math.ceil(age) if age > _YOUNG_SECONDS else 0


def _may_be_the_replica_s(error: BaseException) -> bool:
    """Whether the primary may know better."""
    return isinstance(error, (Http404, NotFound)) or _of_database(error)


def _of_database(error: BaseException | None) -> bool:
    """Whether a database, and not the page, is what went wrong."""
    return isinstance(error, Error) or (error is not None and _of_database(error.__cause__))
