"""The board beside Backlog.md's, as a browser asks for it: time, bytes, processor time.

Optional: it runs where `npm install --prefix .venv-bench backlog.md` was.
"""

import gzip
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Final
from urllib.error import URLError

from benchmarks import data
from benchmarks.report import progress, table
from benchmarks.server import PROJECT, Server
from benchmarks.site import read, served, session_cpu

_SIZES: Final = (1_000, 10_000)
_INSTALLED: Final = PROJECT / ".venv-bench" / "node_modules"
_PATIENCE_SECONDS: Final = 30
# The page, and the call by which it gets its cards.
_THEIRS: Final = ("/", "/api/tasks")

_TASK: Final = """---
id: TASK-{n}
title: Card number {n}
status: {status}
assignee: []
created_date: '2026-01-31 08:00'
labels: []
dependencies: []
priority: high
ordinal: {n}000
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
{body}
<!-- SECTION:DESCRIPTION:END -->
"""

Ask = Callable[[], tuple[float, float, bytes]]


def run(server: Server, quick: bool) -> None:
    program = next(iter(sorted(_INSTALLED.glob("backlog.md-*/backlog"))), None)
    if program is None:
        print(
            "\n## The board beside another tool's\n\nNot measured: backlog.md is not installed"
            " (npm install --prefix .venv-bench backlog.md)."
        )
        return
    rows = []
    for cards in _SIZES:
        progress(f"{cards:,} cards")
        url = server.backlog(f"boards_{cards}")
        data.fill_board(url, cards)
        with served(url) as site, _backlog_md(program, cards) as (address, process):
            asked: dict[str, Ask] = {
                "ours": lambda site=site: _asked(site.address, ("/",), site.headers, site.cpu),
                "Backlog.md": lambda address=address, process=process: _asked(
                    address, _THEIRS, {}, lambda: session_cpu(process)
                ),
            }
            rows += _compared(asked, cards, 5 if quick else 20)
    table(
        "The board beside another tool's",
        [("cards", "board", "first", "then", "CPU, then", "bytes", "gzipped"), *rows],
        "Until the page and the call that brings its cards have answered, asked in turn; scripts "
        "and styles are not counted. Ours is one page with the first ten cards of each cell, its "
        "processor time includes the database's; theirs sends every card, from files.",
    )


def _compared(asked: dict[str, Ask], cards: int, rounds: int) -> Iterator[tuple[str, ...]]:
    first = {name: ask() for name, ask in asked.items()}
    then: dict[str, list[tuple[float, float, bytes]]] = {name: [] for name in asked}
    for _ in range(rounds):
        for name, ask in asked.items():
            then[name].append(ask())
    for name in asked:
        body = then[name][-1][2]
        yield (
            f"{cards:,}",
            name,
            f"{first[name][0] * 1000:.0f} ms",
            f"{median(wall for wall, _, _ in then[name]) * 1000:.0f} ms",
            # The kernel counts in hundredths of a second: a mean of many says more than a median.
            f"{sum(cpu for _, cpu, _ in then[name]) / rounds * 1000:.0f} ms",
            f"{len(body) / 1000:,.0f} KB",
            f"{len(gzip.compress(body, 6)) / 1000:,.0f} KB",
        )


def _asked(
    address: str, paths: Sequence[str], headers: dict[str, str], cpu: Callable[[], float]
) -> tuple[float, float, bytes]:
    """Seconds until all have answered, processor seconds of it, and what they said."""
    used, begun = cpu(), time.perf_counter()
    body = b"".join(read(address + path, headers) for path in paths)
    return time.perf_counter() - begun, cpu() - used, body


@contextmanager
def _backlog_md(program: Path, cards: int) -> Iterator[tuple[str, int]]:
    """Its server on a project with so many cards: the address, and the process."""
    port = str(20_000 + os.getpid() % 20_000)
    with tempfile.TemporaryDirectory() as place:
        subprocess.run(["git", "init", "--quiet", place], check=True)
        plain = ("--defaults", "--integration-mode", "none", "--check-branches", "false")
        files = ("--backlog-dir", "backlog", "--config-location", "folder")
        subprocess.run(
            [program, "init", "bench", *plain, *files], cwd=place, check=True, capture_output=True
        )
        _write_tasks(Path(place) / "backlog" / "tasks", cards)
        process = subprocess.Popen(
            [program, "browser", "--no-open", "--non-interactive", "--port", port],
            cwd=place,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            address = f"http://127.0.0.1:{port}"
            _wait(address)
            yield address, process.pid
        finally:
            process.terminate()
            process.wait()


def _write_tasks(tasks: Path, cards: int) -> None:
    tasks.mkdir(exist_ok=True)
    for n in range(1, cards + 1):
        status = "In Progress" if n % 10 == 0 else "To Do"
        text = _TASK.format(n=n, status=status, body="What is to be done. " * 5)
        (tasks / f"task-{n} - Card-number-{n}.md").write_text(text)


def _wait(address: str) -> None:
    deadline = time.monotonic() + _PATIENCE_SECONDS
    while True:
        try:
            read(f"{address}/api/config", {})
        except URLError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
        else:
            return
