"""Backlog.md's: cards are Markdown files, and a server of its own draws them in the browser."""

import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from benchmarks.boards.board import Board, opened_in_turn, port, started
from benchmarks.boards.cards import BLOCKED, BODY, DONE, EXPIRED, RUNNING, Card
from benchmarks.peers.node import SCRIPTS
from benchmarks.server import Server
from benchmarks.site import session_cpu

NAME: Final = "Backlog.md"

# It has no state for what is blocked and none for a lease: a status more is what it offers.
_STATUSES: Final = {
    BLOCKED: "Blocked",
    RUNNING: "In Progress",
    EXPIRED: "In Progress",
    DONE: "Done",
}
_PRIORITIES: Final = ("low", "medium", "high")

_TASK: Final = """---
id: TASK-{number}
title: {title}
status: {status}
assignee: [{assignee}]
created_date: '2026-01-31 08:00'
labels: [{phase}]
dependencies: [{needs}]
priority: {priority}
ordinal: {number}000
---

## Description

<!-- SECTION:DESCRIPTION:BEGIN -->
{body}
<!-- SECTION:DESCRIPTION:END -->
"""


def program() -> Path | None:
    """Its program, as npm brings it; None if it is not installed."""
    return next(iter(sorted((SCRIPTS / "node_modules").glob("backlog.md-*/backlog"))), None)


@contextmanager
def running(_: Server, given: Sequence[Card]) -> Iterator[Board]:
    at = port(1)
    address = f"http://127.0.0.1:{at}/"
    words = [program(), "browser", "--no-open", "--non-interactive", "--port", str(at)]
    with tempfile.TemporaryDirectory() as place:
        _fill(Path(place), given)
        with started(words, place, address + "api/config", {}) as process:
            yield Board(NAME, address, lambda: session_cpu(process), find)


def _fill(place: Path, given: Sequence[Card]) -> None:
    subprocess.run(["git", "init", "--quiet", place], check=True)
    plain = ("--defaults", "--integration-mode", "none", "--check-branches", "false")
    files = ("--backlog-dir", "backlog", "--config-location", "folder")
    words = [program(), "init", "bench", *plain, *files]
    subprocess.run(words, cwd=place, check=True, capture_output=True)
    config = place / "backlog" / "config.yml"
    text = config.read_text().replace('"In Progress",', '"In Progress", "Blocked",')
    config.write_text(text)
    tasks = place / "backlog" / "tasks"
    tasks.mkdir(exist_ok=True)
    for card in given:
        name = f"task-{card.number} - {card.title.replace(' ', '-')}.md"
        (tasks / name).write_text(_task(card))


def _task(card: Card) -> str:
    return _TASK.format(
        number=card.number,
        title=card.title,
        status=_STATUSES.get(card.state, "To Do"),
        assignee=f"'@{card.worker}'" if card.worker else "",
        phase=card.phase,
        needs="" if card.needs is None else f"TASK-{card.needs}",
        priority=_PRIORITIES[card.priority * 3 // 10],
        body=f"{card.question or ''}\n\n{BODY}".strip(),  # what a dialog shows without scrolling
    )


def find(page: Page) -> Iterator[str]:
    """A card shows no reason; its dialog does."""
    column = page.locator("div.min-h-96").filter(has=page.get_by_role("heading", name="Blocked"))
    yield from opened_in_turn(page, column.locator("h4"), "[role=dialog]")
