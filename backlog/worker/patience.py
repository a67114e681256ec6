"""When a command takes too long: it runs and runs, or it prints nothing any more."""

import math
from typing import Final

from backlog.worker.clock import now

# What counts between two looks at most. The worker looks five times a second, unless the process or
# the machine sleeps, and the command with it.
_LONGEST_LOOK_SECONDS: Final = 1.0


class Patience:
    """How long a command may run, by its worker and by its card, of which the smaller counts; and
    how long it may print nothing. In seconds; None: for ever."""

    def __init__(self, longest: int | None, stall: int | None, of_card: int | None = None) -> None:
        said = ((longest, "--max-runtime"), (of_card, "the card's max_runtime"))
        given = [(seconds, by) for seconds, by in said if seconds is not None]
        limit: tuple[float, str] = min(given, default=(math.inf, ""))
        self._longest, self._by = limit
        self._stall = stall
        self._ran = self._quiet = 0.0
        self._looked, self._printed = now(), 0
        self.over: str | None = None  # why it was, in words

    def look(self, printed: int) -> bool:
        """Whether it is at its end, of a command that has printed so many bytes by now."""
        before, self._looked = self._looked, now()
        passed = min(self._looked - before, _LONGEST_LOOK_SECONDS)
        self._ran += passed
        self._quiet = self._quiet + passed if printed == self._printed else 0.0
        self._printed = printed
        if self._ran > self._longest:
            self.over = f"ended after {self._longest} s ({self._by})"
        elif self._stall is not None and self._quiet > self._stall:
            self.over = f"ended, as it printed nothing for {self._stall} s (--stall)"
        return self.over is not None
