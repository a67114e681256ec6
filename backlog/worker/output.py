"""What a command prints: passed on line by line, the end of it remembered, in bounded memory."""

import re
import threading
from collections import deque
from collections.abc import Callable
from typing import Final

from backlog.lifecycle import LONGEST_OUTPUT
from backlog.verbs.output import Printed

# Longer lines are passed on in pieces and not remembered.
LONGEST_LINE: Final = 1024 * 1024
_LONGEST_LAST_LINE: Final = 500

_MAY_BE_AN_OBJECT = re.compile(rb"^[ \t]*({.*})[ \t\r]*$", re.MULTILINE)


class Tail:
    """The last bytes of both streams, in the order in which they were read; for any thread."""

    def __init__(self) -> None:
        self.size = 0
        self._kept = bytearray()
        self._lock = threading.Lock()

    def add(self, data: bytes) -> None:
        with self._lock:
            self.size += len(data)
            self._kept += data
            if len(self._kept) > 2 * LONGEST_OUTPUT:  # not with each: what stays is moved
                del self._kept[:-LONGEST_OUTPUT]

    def printed(self, ended: bool) -> Printed:
        """The end of it now; it begins with no half of a character."""
        with self._lock:
            size, kept = self.size, bytes(self._kept[-LONGEST_OUTPUT:])
        if len(kept) < size:
            whole = next((n for n in range(4) if kept[n] & 0xC0 != 0x80), 0)
            kept = kept[whole:]
        return Printed(kept, size - len(kept), ended)


class Tee:
    """Passes whole lines on, and shows them to `_remember`, many at a time."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        self._write = write
        self._begun = bytearray()
        self._overlong = False

    def feed(self, data: bytes) -> None:
        """Take what came; an unfinished line is kept until its end comes."""
        end = data.rfind(b"\n") + 1
        if end:
            whole = bytes(self._begun) + data[:end]
            self._begun = bytearray(data[end:])
            self._remember(whole[whole.find(b"\n") :] if self._overlong else whole)
            self._overlong = False
            self._write(whole)
        else:
            self._begun += data
        if len(self._begun) > LONGEST_LINE:
            self._overlong = True
            self._write(bytes(self._begun))
            self._begun.clear()

    def close(self) -> None:
        """The last line has come to its end, with or without a newline."""
        if self._begun:
            self.feed(b"\n")

    def _remember(self, lines: bytes) -> None:
        raise NotImplementedError


class Answers(Tee):
    """Remembers the lines that may be an answer, JSON objects, the last ones only."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__(write)
        self.lines: deque[bytes] = deque()
        self._size = 0

    def _remember(self, lines: bytes) -> None:
        for match in _MAY_BE_AN_OBJECT.finditer(lines):
            self.lines.append(match[1])
            self._size += len(match[1])
            while self._size > LONGEST_LINE:
                self._size -= len(self.lines.popleft())


class Complaints(Tee):
    """Remembers the last line that is not blank."""

    def __init__(self, write: Callable[[bytes], None]) -> None:
        super().__init__(write)
        self._last = b""

    def _remember(self, lines: bytes) -> None:
        last = lines.rstrip().rpartition(b"\n")[2]
        self._last = last[: 4 * _LONGEST_LAST_LINE] or self._last

    @property
    def last(self) -> str:
        """One printable line, cut short."""
        text = self._last.decode(errors="replace")
        shown = " ".join("".join(c if c.isprintable() else " " for c in text).split())
        return shown if len(shown) <= _LONGEST_LAST_LINE else shown[:_LONGEST_LAST_LINE] + "…"
