"""How far a verb has come, for who waits at a terminal."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final, TextIO

from backlog.shown import say_again

_WIDTH: Final = 30
_STEPS: Final = 200


@contextmanager
def bar(stream: TextIO) -> Iterator[Callable[[str, int, int], None]]:
    """What is told a stage, and how much of how much is done in it; on a terminal only, shown."""
    shown, last, seen = stream.isatty(), "", float("-inf")

    def progress(stage: str, done: int, total: int) -> None:
        nonlocal last, seen
        if shown and not seen <= done < seen + max(total // _STEPS, 1):
            filled = _WIDTH * done // max(total, 1)
            text = f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {done} of {total} {stage}"
            if text != last:
                say_again(stream, text)
            last, seen = text, done

    try:
        yield progress
    finally:
        if last:
            say_again(stream, "")
