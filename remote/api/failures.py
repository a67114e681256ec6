"""Tokens that were none: who sends many of them is not listened to for a while.

Of one process, in its memory: a row a failure would let anybody write to the store. A token that
was right from that address lately is looked at as ever, so nobody is slower for a neighbour.
"""

import math
import time
from collections import OrderedDict
from threading import Lock
from typing import Final

MOST: Final = 20
SECONDS: Final = 60.0
# Addresses that are remembered, and right tokens.
_KEPT: Final = 4096


class Failures:
    """Failures of each address within the last minute, which begins with the first."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._counts: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._right: OrderedDict[tuple[str, str], None] = OrderedDict()

    def wait(self, address: str, key: str) -> int:
        """Seconds until this address is listened to again; 0: now, or always for this token."""
        with self._lock:
            began, count = self._counts.get(address, (0.0, 0))
            left = began + SECONDS - time.monotonic()
            if count < MOST or left <= 0 or (address, key) in self._right:
                return 0
            return math.ceil(left)

    def count(self, address: str) -> None:
        """One more."""
        now = time.monotonic()
        with self._lock:
            began, count = self._counts.pop(address, (now, 0))
            if began + SECONDS <= now:
                began, count = now, 0
            self._counts[address] = began, count + 1
            if len(self._counts) > _KEPT:
                self._counts.popitem(last=False)

    def clear(self, address: str, key: str) -> None:
        """This token was right."""
        with self._lock:
            self._right[address, key] = None
            self._right.move_to_end((address, key))
            if len(self._right) > _KEPT:
                self._right.popitem(last=False)


FAILURES: Final = Failures()
