"""A bar of what is done, on a terminal only."""

from types import TracebackType
from typing import Final, TextIO

_WIDTH: Final = 30
_STEPS: Final = 200


class Progress:
    """Call it with a stage and how many of `total` are done in it; erased at the end."""

    def __init__(self, stream: TextIO, total: int) -> None:
        self._stream = stream
        self._total = max(total, 1)
        self._shown = stream.isatty()

    def __call__(self, stage: str, done: int) -> None:
        if self._shown and done % max(self._total // _STEPS, 1) == 0:
            filled = _WIDTH * done // self._total
            bar = "#" * filled + "-" * (_WIDTH - filled)
            self._write(f"[{bar}] {done} of {self._total} {stage}")

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
