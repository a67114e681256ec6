"""What is measured of each board: where it is, what its server takes, where questions are."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.site import read

_PATIENCE_SECONDS: Final = 180


# What a reader does to see more.
CLICK, KEY, SCREEN = "clicks", "keys", "screens"


class Board(NamedTuple):
    """`cpu` gives the processor seconds of its server so far.

    `find` does, on a page that is open, what shows the blocked cards and all of what they ask in
    the fewest presses known, and yields after each: a click, a key, or a screen that is scrolled.
    """

    name: str
    address: str
    cpu: Callable[[], float]
    find: Callable[[Any], Iterator[str]]
    cookie: str | None = None


def brought_into_view(element: Any) -> Iterator[str]:
    """Scroll what cuts it, a screen at a time."""
    while element.evaluate("(element) => watch.scroll(element)"):
        yield SCREEN


def opened_in_turn(page: Any, cards: Any, dialog: str) -> Iterator[str]:
    """Click each card for its dialog, which is closed before the next."""
    for card in cards.all():
        yield from brought_into_view(card)
        card.click()
        page.locator(dialog).wait_for()
        yield CLICK
        page.keyboard.press("Escape")
        page.locator(dialog).wait_for(state="hidden")
        yield KEY


def port(number: int) -> int:
    """A port of this run's own for one of its boards."""
    return 20_000 + (os.getpid() * 10 + number) % 20_000


@contextmanager
def started(
    words: Sequence[str | Path], place: str, address: str, env: Mapping[str, str]
) -> Iterator[int]:
    """A server in a session of its own, once it answers there: its process."""
    with subprocess.Popen(
        words,
        cwd=place,
        env={**os.environ, **env},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    ) as process:
        try:
            _wait_for(address)
            yield process.pid
        finally:
            # All it has is thrown away; asked to end, one of them waits for its open connections.
            os.killpg(process.pid, signal.SIGKILL)


def _wait_for(address: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            read(address, {}, patience=3)  # who asks too early is never answered by one of them
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
