"""What was read is read again only if it can have changed.

Two equal snapshots of the database see the same transactions, so what was read after the first is
still what is there; only a lease ends, or a held back card is due, without a write. One look-up
says so, exactly.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

from backlog.session import Session
from backlog.verbs.pool import wake

_NOW: Final = """
SELECT pg_current_snapshot()::text, least(
    (SELECT min(claim_expires_at) FROM backlog WHERE claim_expires_at > now()),
    (SELECT min(due) FROM backlog_rule WHERE kind = 'hold')), now()"""


class Look(NamedTuple):
    """What can be seen of the database at one moment, by its clock; when time changes it next."""

    snapshot: str
    until: datetime | None
    now: datetime

    def holds(self, later: "Look") -> bool:
        """Whether what was read since this look is at a later one what would be read again."""
        return self.snapshot == later.snapshot and (self.until is None or later.now < self.until)


def look(session: Session) -> Look:
    """Look now; what is read afterwards can be kept by it."""
    return Look(*session.execute(_NOW).fetchone())


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
        self._recent: Recent[tuple[*Q], tuple[Look, V]] = Recent(capacity)

    def now(self, session: Session, *question: *Q) -> V:
        """As `read` would answer."""
        now = look(session)
        kept = self._recent.get(question)
        if kept and kept[0].holds(now):
            return kept[1]
        if now.until is not None and now.until <= now.now:
            wake(session)
        fresh = self._read(session, *question)
        self._recent.keep(question, (now, fresh))
        return fresh
