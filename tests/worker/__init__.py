"""`backlog work` as a process, on a real store, with real commands."""

import os
import re
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from backlog.session import Session
from backlog.verbs import cards, runs
from tests.command import MANAGE

PATIENCE = 60  # seconds; a hang fails the test instead of the run


def until(happens: Callable[[], Any], what: str = "it") -> Any:
    """Wait for it; what it gave."""
    deadline = time.monotonic() + PATIENCE
    while not (found := happens()):
        assert time.monotonic() < deadline, f"{what} does not happen"
        time.sleep(0.01)
    return found


class Worker:
    """A worker that runs meanwhile; `log` is what it has written to stderr so far."""

    def __init__(self, argv: list[str], env: dict[str, str], **popen: Any) -> None:
        self._process = subprocess.Popen(
            argv,
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            **{"stdout": subprocess.DEVNULL, **popen},
        )
        self.log = ""
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def says(self, pattern: str) -> "re.Match[str]":
        """Wait until the log has this in it."""
        return until(lambda: re.search(pattern, self.log), f"{pattern!r} in {self.log!r}")

    def send(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def ends(self, patience: float = PATIENCE) -> int:
        """Wait for its exit status."""
        status = self._process.wait(patience)
        self._reader.join(PATIENCE)
        assert not self._reader.is_alive(), "something that it started still has its stderr"
        return status

    def close(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
        self.ends()
        for pipe in (self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def _read(self) -> None:
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.log += line


@contextmanager
def working(
    script: str,
    *options: str,
    env: dict[str, str] | None = None,
    program: list[str] = MANAGE,
    **popen: Any,
) -> Iterator[Worker]:
    """A worker named w whose command is this shell script; killed at the end if it still runs."""
    words = ["work", "--owner", "w", *options, "--", "sh", "-c", script]
    worker = Worker([*program, "backlog", *words], env or {}, **popen)
    try:
        yield worker
    finally:
        worker.close()


@contextmanager
def begun(script: str, *options: str, **more: Any) -> Iterator[Worker]:
    """A worker whose command has begun with a card."""
    with working(f"echo begun >&2; {script}", *options, **more) as worker:
        worker.says("begun")
        yield worker


def status_of(session: Session, card_id: str) -> str:
    card = cards.find(session, card_id)
    assert card is not None
    return card.status


def last_run(session: Session, card_id: str) -> runs.Run:
    return runs.runs(session, card_id)[-1]


def alive(pid: int) -> bool:
    """Whether this process runs; a zombie does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False
