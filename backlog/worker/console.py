"""The worker's own streams: its log, and what its commands print."""

import os
import select
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from queue import SimpleQueue
from typing import Any, Final

from backlog.records import Record, iso
from backlog.shown import cut, in_json
from backlog.values import json_text

_LAST_WORDS_SECONDS: Final = 2.0
# How long a command's start waits for the line before it; a reader who is slower gets it later.
_IN_ORDER_SECONDS: Final = 0.5


class Stream:
    """A file descriptor that threads share: what one writes stands together."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._gone = False

    def write(self, data: bytes) -> None:
        """Write all of it; for a reader that has gone, nothing."""
        with self._lock:
            left = memoryview(data)
            while left and not self._gone:
                try:
                    left = left[os.write(self._descriptor, left) :]
                except BlockingIOError:
                    select.select([], [self._descriptor], [])
                except OSError:
                    self._gone = True


class Log:
    """One line a transition, in the form that `write` gives it.

    A thread of its own writes: whoever keeps a lease waits for no reader.
    """

    def __init__(self, owner: str, stream: Stream, write: Callable[[dict[str, Any]], str]) -> None:
        self._owner, self._stream, self._line = owner, stream, write
        self._lines: SimpleQueue[bytes | threading.Event | None] = SimpleQueue()
        self._writer = threading.Thread(target=self._write, daemon=True)
        self._writer.start()

    def __call__(self, what: str, card: Record | None = None, **more: Any) -> None:
        said = {"at": iso(datetime.now(UTC))} | transition(self._owner, what, card, more)
        self._lines.put(in_json(self._line(said)).encode() + b"\n")

    def in_order(self) -> None:
        """Wait until what was said so far is written, so that what comes now stands after it."""
        written = threading.Event()
        self._lines.put(written)
        written.wait(_IN_ORDER_SECONDS)

    def close(self) -> None:
        """Let the last lines out, if somebody reads."""
        self._lines.put(None)
        self._writer.join(_LAST_WORDS_SECONDS)

    def _write(self) -> None:
        while (line := self._lines.get()) is not None:
            if isinstance(line, threading.Event):
                line.set()
            else:
                self._stream.write(line)


def transition(owner: str, what: str, card: Record | None, more: dict[str, Any]) -> dict[str, Any]:
    """What a line of a worker's log says; nothing of what is None."""
    said: dict[str, Any] = {"owner": owner, "what": what}
    if card is not None:
        said |= {"card": card.id, "attempt": card.attempts}
    return said | {key: value for key, value in more.items() if value is not None}


def pairs(said: dict[str, Any]) -> str:
    """As `key=value` on one line."""
    return " ".join(map(_pair, said.items()))


def _pair(item: tuple[str, Any]) -> str:
    key, value = item
    text = cut(str(value))
    plain = text.isprintable() and text and not set(text) & set(' "=')
    return f"{key}={text if plain else json_text(text)}"
