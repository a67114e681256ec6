"""Hermes Agent's Kanban: SQLite, and a plug-in of its dashboard that draws it in the browser."""

import json
import os
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from playwright.sync_api import Page

from benchmarks.boards.board import Board, opened_in_turn, port, started
from benchmarks.boards.cards import BODY, Card
from benchmarks.server import PROJECT, Server
from benchmarks.site import session_cpu

NAME: Final = "Hermes"

_PROGRAMS: Final = PROJECT / ".venv-hermes" / "bin"

# By its own functions, in its own interpreter.
_FILL: Final = """
import json, sys
from hermes_cli import kanban_db
made = {}
with kanban_db.connect_closing() as connection:
    connection.execute("PRAGMA synchronous = OFF")  # of this connection alone
    for card in sorted(json.load(sys.stdin), key=lambda card: card["needs"] is not None):
        made[card["number"]] = task = kanban_db.create_task(
            connection,
            title=card["title"],
            body=card["body"],
            tenant=card["phase"],
            priority=card["priority"],
            assignee=card["worker"],
            parents=[] if card["needs"] is None else [made[card["needs"]]],
        )
        if card["worker"]:
            ttl = 1 if card["state"] == "expired" else 86_400
            kanban_db.claim_task(connection, task, ttl_seconds=ttl, claimer=card["worker"])
        if card["state"] == "blocked":
            kanban_db.block_task(connection, task, reason=card["question"], kind="needs_input")
        if card["state"] == "done":
            kanban_db.complete_task(connection, task)
"""


def program() -> Path | None:
    """Its program; None if it is not installed."""
    found = _PROGRAMS / "hermes"
    return found if found.exists() else None


@contextmanager
def running(_: Server, given: Sequence[Card]) -> Iterator[Board]:
    at = port(2)
    address = f"http://127.0.0.1:{at}/"
    words = [program(), "dashboard", "--no-open", "--skip-build", "--port", str(at)]
    with tempfile.TemporaryDirectory() as home:
        env = {"HERMES_HOME": home}
        _fill(env, given)
        with started(words, home, address, env) as process:
            yield Board(NAME, address + "kanban", lambda: session_cpu(process), find)


def _fill(env: dict[str, str], given: Sequence[Card]) -> None:
    cards = [{**card._asdict(), "title": card.title, "body": BODY} for card in given]
    subprocess.run(
        [_PROGRAMS / "python", "-c", _FILL],
        env={**os.environ, **env},
        input=json.dumps(cards),
        text=True,
        check=True,
    )


def find(page: Page) -> Iterator[str]:
    """A card shows no reason; its drawer does. The column stands to the right of the window."""
    column = page.locator(".hermes-kanban-column").filter(has_text="Worker asked for human input")
    yield from opened_in_turn(page, column.locator(".hermes-kanban-card"), ".hermes-kanban-drawer")
