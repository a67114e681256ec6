"""Pages read from a streaming replica, while it is near enough; nothing else ever does.

A page is read from one database as a whole, its version included. What is older than may be, what
was just acted on and what the replica does not answer is read from the primary.
"""

import math
import time
from collections.abc import Callable
from contextvars import ContextVar
from threading import Lock
from typing import Any, Final, NamedTuple

from django.conf import settings
from django.core.exceptions import MiddlewareNotUsed
from django.db import DEFAULT_DB_ALIAS, Error, connections
from django.db.models import Model
from django.http import HttpRequest, HttpResponse

from backlog.web.live import SECONDS_OLD
from fleet_backlog import cookies

ALIAS: Final = "replica"

# Whose pages; whose tables. Accounts and sessions are always the primary's.
_PAGES: Final = ("backlog.web.", "fleet.pages.")
_APPS: Final = frozenset({"backlog", "fleet"})
# A measure serves all pages of a process for so long; one that failed for longer.
_MEASURE_SECONDS: Final = 0.5
_AWAY_SECONDS: Final = 5.0
# An age that is not worth a word.
_YOUNG_SECONDS: Final = 1.0

# The primary is asked first: what it had written then, the replica has replayed or has not.
_WRITTEN: Final = "SELECT pg_current_wal_lsn(), clock_timestamp()"
# How old that is, by the primary's clock: its commits say when they were. Null where nobody knows,
# or where the replica is none any more.
_AGE: Final = """
SELECT CASE WHEN NOT pg_is_in_recovery() THEN NULL
    WHEN pg_last_wal_replay_lsn() >= %s::pg_lsn THEN 0
    ELSE greatest(0, extract(epoch FROM %s::timestamptz - pg_last_xact_replay_timestamp())) END"""

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


class _Measure(NamedTuple):
    at: float  # by the monotonic clock
    age: float | None  # seconds; None: not to be used

    def now(self) -> float | None:
        return None if self.age is None else self.age + time.monotonic() - self.at

    def holds_for(self, times: int) -> bool:
        kept = _AWAY_SECONDS if self.age is None else _MEASURE_SECONDS
        return time.monotonic() - self.at < times * kept


class ReplicaMiddleware:
    """Chooses where a page is read, and says so; see this module."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        if ALIAS not in connections.databases:
            raise MiddlewareNotUsed
        self.get_response = get_response
        self._measure = _Measure(-math.inf, None)
        self._measuring = Lock()
        self._level = -math.inf  # when the replica last had all that the primary had
        self._acted = f"acted_{cookies.suffix(connections.databases[DEFAULT_DB_ALIAS])}"

    def __call__(self, request: HttpRequest) -> HttpResponse:
        token = _READING.set(None)
        try:
            response = self.get_response(request)
            if (age := _READING.get()) is not None:
                response[SECONDS_OLD] = str(_shown(age))
        finally:
            _READING.reset(token)
        if request.method not in ("GET", "HEAD"):
            # By then, whatever replica is read has what was done, or none is read.
            age = math.ceil(settings.BACKLOG_REPLICA_LAG + _MEASURE_SECONDS) + 1
            response.set_cookie(
                self._acted,
                "1",
                max_age=age,
                httponly=True,
                secure=settings.SESSION_COOKIE_SECURE,
                samesite="Lax",
            )
        return response

    def process_view(self, request: HttpRequest, view: Any, *_: Any) -> None:
        """Read the page that follows from the replica, if it is to be."""
        if request.method not in ("GET", "HEAD") or self._acted in request.COOKIES:
            return
        if not view.__module__.startswith(_PAGES):
            return
        age = self._age()
        if age is not None and age <= settings.BACKLOG_REPLICA_LAG:
            _READING.set(age)
            request.seconds_old = _shown(age)  # type: ignore[attr-defined]  # for the template

    def process_exception(self, request: HttpRequest, error: Exception) -> HttpResponse | None:
        """The page from the primary, if the replica has gone, or would have had to write."""
        if _READING.get() is None or not _of_database(error):
            return None
        _READING.set(None)
        self._measure = _Measure(time.monotonic(), None)
        connections[ALIAS].close()
        vars(request).pop("seconds_old", None)
        found: Any = request.resolver_match
        page: HttpResponse = found.func(request, *found.args, **found.kwargs)
        return page

    def _age(self) -> float | None:
        """Seconds that the replica is behind; None where it is not to be used."""
        # Who finds it old measures. The others go by the last one for a moment more, and then by
        # none: the replica does not answer.
        if not self._measure.holds_for(1) and self._measuring.acquire(blocking=False):
            try:
                self._measure = self._measured(time.monotonic())
            finally:
                self._measuring.release()
        return self._measure.now() if self._measure.holds_for(2) else None

    def _measured(self, now: float) -> _Measure:
        age = _behind()
        if age == 0:
            self._level = now
        return _Measure(now, None if age is None else min(age, now - self._level))


def _behind() -> float | None:
    """Seconds at most, or None where nobody can say; 0: it has all that the primary has."""
    try:
        with connections[DEFAULT_DB_ALIAS].cursor() as cursor:
            cursor.execute(_WRITTEN)
            written = cursor.fetchone()
        with connections[ALIAS].cursor() as cursor:
            cursor.execute(_AGE, written)
            (age,) = cursor.fetchone()
    except Error:
        connections[ALIAS].close()
        return None
    return None if age is None else float(age)


def _shown(age: float) -> int:
    return math.ceil(age) if age > _YOUNG_SECONDS else 0


def _of_database(error: BaseException | None) -> bool:
    """Whether a database, and not the page, is what went wrong."""
    return isinstance(error, Error) or (error is not None and _of_database(error.__cause__))
