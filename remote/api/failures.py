"""Wrong tokens: an address that sends many of them is not listened to for a while.

Counted in the memory of a process: with a row for each, anybody could write to the store. A token
whose key exists is looked at all the same, so nobody is kept out by a neighbour behind one proxy.
"""

import math
import time
from collections.abc import Callable, Collection
from threading import Lock
from typing import Final

MOST: Final = 20
SECONDS: Final = 60.0
# Addresses that are remembered.
_KEPT: Final = 4096
# How long the keys that exist are remembered, so that the store is not asked at each wrong token.
_FRESH_SECONDS: Final = 5.0


class Failures:
    """Failures of each address within the last minute, which begins with the first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: dict[str, tuple[float, int]] = {}  # the last one that failed last
        self._keys: Collection[str] = ()
        self._asked = float("-inf")

    def wait(self, address: str, key: str, keys: Callable[[], Collection[str]]) -> int:
        """Seconds until this address is listened to again; 0: it is listened to now, or the key of
        this token exists (`keys` gives those that do)."""
        with self._lock:
            began, count = self._counts.get(address, (0.0, 0))
            now = time.monotonic()
            left = began + SECONDS - now
            if count < MOST or left <= 0:
                return 0
            if now - self._asked > _FRESH_SECONDS:
                self._keys, self._asked = keys(), now
            return 0 if key in self._keys else math.ceil(left)

    def count(self, address: str) -> None:
        """Count a wrong token from this address."""
        now = time.monotonic()
        with self._lock:
            began, count = self._counts.pop(address, (now, 0))
            if began + SECONDS <= now:
                began, count = now, 0
            self._counts[address] = began, count + 1
            if len(self._counts) > _KEPT:
                del self._counts[next(iter(self._counts))]


FAILURES: Final = Failures()
