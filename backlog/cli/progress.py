"""A bar of lines read, on a terminal only."""

import sys
from types import TracebackType
from typing import TextIO

_EVERY = 500


class Progress:
    """Call it with the number of lines so far."""

    def __init__(self, stream: TextIO = sys.stderr) -> None:
        self._stream = stream
        self._shown = stream.isatty()

    def __call__(self, lines: int) -> None:
        if self._shown and lines % _EVERY == 0:
            self._write(f"read {lines} lines")

    def __enter__(self) -> "Progress":
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._shown:
            self._write("")

    def _write(self, text: str) -> None:
        self._stream.write(f"\r\x1b[K{text}")
        self._stream.flush()
