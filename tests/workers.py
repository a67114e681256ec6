"""Workers for the tests of concurrency: verbs on threads of their own, and real processes."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from contextlib import ExitStack, closing
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from backlog.session import PsycopgSession
from backlog.verbs import claims
from fleet_backlog import storage

PROJECT = Path(__file__).resolve().parent.parent
_PATIENCE = 60  # seconds; a hang fails the test instead of the run

_WAITS = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"


class Background:
    """A verb that runs meanwhile, on a thread of its own; `result()` gives or raises its end."""

    def __init__(self, session: PsycopgSession, verb: Callable[..., Any], *args: Any) -> None:
        self._pid = session.execute("SELECT pg_backend_pid()").fetchone()[0]
        self._end: Future[Any] = Future()
        threading.Thread(target=self._run, args=(verb, session, *args), daemon=True).start()

    def waits(self) -> bool:
        """Whether it comes to stand at somebody's lock, rather than to its end."""
        with closing(storage.from_environment().connect()) as watcher:
            deadline = time.monotonic() + _PATIENCE
            while time.monotonic() < deadline and not self._end.done():
                if watcher.execute(_WAITS, (self._pid,)).fetchone()[0]:
                    return True
                time.sleep(0.002)
        assert self._end.done(), "it neither waits for a lock nor ends"
        return False

    @property
    def ended(self) -> bool:
        return self._end.done()

    def result(self) -> Any:
        return self._end.result(_PATIENCE)

    def error(self) -> BaseException | None:
        return self._end.exception(_PATIENCE)

    def _run(self, verb: Callable[..., Any], *args: Any) -> None:
        try:
            self._end.set_result(verb(*args))
        except BaseException as error:
            self._end.set_exception(error)


def cycles(session: PsycopgSession) -> list[str]:
    """The cards that wait for themselves, directly or through others."""
    sql = """
        WITH RECURSIVE waits (id, dependency) AS (
            SELECT card_id, dependency_id FROM backlog_dependency
            UNION SELECT id, dependency_id FROM waits JOIN backlog_dependency ON card_id = dependency
        )
        SELECT id FROM waits WHERE id = dependency ORDER BY id"""
    return [row[0] for row in session.execute(sql).fetchall()]


class Claimed(NamedTuple):
    """One claim that a process won, by the database's clock."""

    id: str
    attempt: int
    at: datetime


def crowd(count: int, task: str, *words: str) -> list[list[Claimed]]:
    """Run a task below in that many processes, which begin it at one moment; what each won."""
    with ExitStack() as running:
        children = [running.enter_context(_child(task, *words, f"w{n}")) for n in range(count)]
        for child in children:
            assert child.stdout.readline() == "here\n"
        for child in children:
            print("go", file=child.stdin, flush=True)
        outputs = [child.communicate(timeout=3 * _PATIENCE)[0] for child in children]
    assert [child.returncode for child in children] == [0] * count, outputs
    won = [[json.loads(line) for line in output.splitlines()] for output in outputs]
    return [[Claimed(i, n, datetime.fromisoformat(at)) for i, n, at in each] for each in won]


def _child(task: str, *words: str) -> Any:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.workers", task, *words],
        cwd=PROJECT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def drain(session: PsycopgSession, left: str, owner: str) -> None:
    """Claim and complete until only `left` cards are not done."""
    while True:
        card = claims.claim(session, owner)
        if card is not None:
            _tell(card)
            claims.complete(session, card.id, owner, card.attempts)
        elif _unfinished(session) <= int(left):
            return
        else:
            time.sleep(0.01)  # others hold what the rest waits for


def claim_one(session: PsycopgSession, owner: str) -> None:
    """One claim, and nothing of it if there is nothing."""
    card = claims.claim(session, owner)
    if card is not None:
        _tell(card)


def _tell(card: Any) -> None:
    print(json.dumps([card.id, card.attempts, card.claimed_at.isoformat()]), flush=True)  # noqa: T201 (the pipe to the test)


def _unfinished(session: PsycopgSession) -> int:
    sql = "SELECT count(*) FROM backlog WHERE status <> 'done'"
    found: int = session.execute(sql).fetchone()[0]
    return found


def _main(task: str, *words: str) -> None:
    with closing(storage.from_environment().connect()) as connection:
        print("here", flush=True)  # noqa: T201 (the pipe to the test)
        sys.stdin.readline()
        {"drain": drain, "claim_one": claim_one}[task](PsycopgSession(connection), *words)


if __name__ == "__main__":
    _main(*sys.argv[1:])
