"""The only clock that decides anything here: nobody can set it, and it never goes back."""

import time
from typing import Final

# Linux has one that goes on while the machine sleeps, as the database's does.
_CLOCK: Final = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)


def now() -> float:
    """Seconds since some moment."""
    return time.clock_gettime(_CLOCK)
