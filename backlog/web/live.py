"""What was read is read again only if it can have changed.

Two equal snapshots of the database see the same transactions, so what was read after the first was
taken is still what is there; only a lease ends, or a card that is held back is due, without a
write. One query says so, exactly.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from functools import wraps
from hashlib import blake2b
from threading import Lock
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse

from backlog.models import Card
from backlog.session import Session
from backlog.verbs.pool import wake

# The version that an open page shows, in the header of a request for the page as it is now; and of
# the answer, that of the page.
VERSION: Final = "X-Page-Version"

# The version of a page of what is there no more.
GONE: Final = "gone"

# The header of an answer that was read from a copy of the database: how many seconds behind it is.
SECONDS_OLD: Final = "Backlog-Seconds-Old"

# Raw, as the ORM knows no snapshot. That of a standby names no transaction that is under way, and
# is the same after one of several has ended; what it has replayed is another place then.
_SNAPSHOT: Final = """
SELECT CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn()::text
    ELSE pg_current_snapshot()::text END, least(
    (SELECT min(claim_expires_at) FROM backlog WHERE claim_expires_at > now()),
    (SELECT min(due) FROM backlog_rule WHERE kind = 'hold')), now()"""


class Snapshot(NamedTuple):
    """The state of the database that an answer was read from.

    Which `transactions` it sees (of a standby: how far it has come), `until` when it stays as it is
    if nobody writes (None: for ever), and when it was `taken`, both by the database's clock.
    """

    transactions: str
    until: datetime | None
    taken: datetime

    @property
    def version(self) -> str:
        """Another one whenever an answer may be."""
        return blake2b(f"{self.transactions} {self.until}".encode(), digest_size=8).hexdigest()

    def holds(self, later: "Snapshot") -> bool:
        """Whether what was read after this one was taken would be read again at a later one."""
        same = self.transactions == later.transactions
        return same and (self.until is None or later.taken < self.until)


def snapshot(session: Session) -> Snapshot:
    """The database as it is now; what is read afterwards can be kept by it."""
    return Snapshot(*session.execute(_SNAPSHOT).fetchone())


def _before_reading(session: Session) -> Snapshot:
    """As `snapshot`; what was held back until now is not held back any more."""
    current = snapshot(session)
    if current.until is not None and current.until <= current.taken:
        wake(session)
    return current


def follows(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """A page that keeps itself up to date: its script asks for it with the version that it shows.

    204 while it is the same, else the page; the version is the request's, as `version`. What is not
    there any more is told as `GONE`, and not as 404: of that each browser complains, each time.
    """

    @wraps(view)
    def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        version = _before_reading(Card.objects.session()).version
        request.version = version  # type: ignore[attr-defined]  # for the template
        if VERSION not in request.headers:
            return view(request, *args, **kwargs)
        same = request.headers[VERSION] == version
        response = HttpResponse(status=204) if same else view(request, *args, **kwargs)
        if response.status_code == 404 and request.headers[VERSION]:
            response.status_code, version = 200, GONE
        response["Cache-Control"] = "no-store"
        response[VERSION] = version
        return response

    return answer


class Recent[K, V]:
    """The values used last, `capacity` of them, by their keys; thread-safe."""

    def __init__(self, capacity: int) -> None:
        self._values: OrderedDict[K, V] = OrderedDict()
        self._capacity = capacity
        self._lock = Lock()

    def get(self, key: K) -> V | None:
        """The value, which is then the last to be forgotten."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def keep(self, key: K, value: V) -> None:
        """Keep it in place of the one before."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self._capacity:
                self._values.popitem(last=False)


class Live[*Q, V]:
    """Answers as they are now, read from the database only if they can have changed; thread-safe.

    `read` takes a session and the question's parts, which are hashable; of the last `capacity`
    questions the answers are kept.
    """

    def __init__(self, read: Callable[[Session, *Q], V], capacity: int = 64) -> None:
        self._read = read
        self._recent: Recent[tuple[*Q], tuple[Snapshot, V]] = Recent(capacity)

    def now(self, session: Session, *question: *Q) -> V:
        """As `read` would answer."""
        current = _before_reading(session)
        kept = self._recent.get(question)
        if kept and kept[0].holds(current):
            return kept[1]
        fresh = self._read(session, *question)
        self._recent.keep(question, (current, fresh))
        return fresh
