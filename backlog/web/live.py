"""What was read is read again only if it can have changed.

Two equal snapshots of the database see the same transactions, so what was read after the first was
taken is still what is there; only a lease ends, or a card that is held back is due, without a
write. One query says so, exactly.
"""

from collections import OrderedDict
from collections.abc import Callable
from datetime import datetime
from threading import Lock
from typing import Final, NamedTuple

from backlog.session import Session
from backlog.verbs.pool import wake

# Raw, as the ORM knows no snapshot.
_SNAPSHOT: Final = """
SELECT pg_current_snapshot()::text, least(
    (SELECT min(claim_expires_at) FROM backlog WHERE claim_expires_at > now()),
    (SELECT min(due) FROM backlog_rule WHERE kind = 'hold')), now()"""


class Snapshot(NamedTuple):
    """The state of the database that an answer was read from.

    Which `transactions` it sees, `until` when it stays as it is if nobody writes (None: for ever),
    and when it was `taken`, both by the database's clock.
    """

    transactions: str
    until: datetime | None
    taken: datetime

    def holds(self, later: "Snapshot") -> bool:
        """Whether what was read after this one was taken would be read again at a later one."""
        same = self.transactions == later.transactions
        return same and (self.until is None or later.taken < self.until)


def snapshot(session: Session) -> Snapshot:
    """The database as it is now; what is read afterwards can be kept by it."""
    return Snapshot(*session.execute(_SNAPSHOT).fetchone())


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
        current = snapshot(session)
        kept = self._recent.get(question)
        if kept and kept[0].holds(current):
            return kept[1]
        if current.until is not None and current.until <= current.taken:
            wake(session)
        fresh = self._read(session, *question)
        self._recent.keep(question, (current, fresh))
        return fresh
