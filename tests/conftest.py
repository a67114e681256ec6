"""What most tests need: a session on the store, cards, and the command."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from backlog.cli import connection
from backlog.cli.main import main
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.store.embedded import Store
from backlog.verbs import cards

PROJECT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(PROJECT / "manage.py")]


class Ran(NamedTuple):
    """What a command left: exit status, standard output and error."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> None:
    """The store of the run is the test database: what tests start as processes finds it too."""
    with django_db_blocker.unblock(), connection.open_session():
        pass


@pytest.fixture
def store(django_db_setup: None) -> None:
    """The store with its schema and no cards in it."""
    with closing(storage.from_environment().connect()) as opened:
        opened.execute(
            "TRUNCATE backlog, backlog_deleted, backlog_event, backlog_ended_run, backlog_rule"
        )


@pytest.fixture
def store_root() -> Iterator[Path]:
    """A directory for an embedded store of the test's own, stopped and removed afterwards.

    Not under `tmp_path`, whose parents no other user may enter: as root, the server is nobody.
    """
    root = Path(tempfile.mkdtemp(prefix="backlog-own-"))
    yield root
    Store(root).stop()
    shutil.rmtree(root)


@pytest.fixture
def session(store: None) -> Iterator[PsycopgSession]:
    with closing(storage.from_environment().connect()) as opened:
        yield PsycopgSession(opened)


@pytest.fixture
def sessions(store: None) -> Iterator[Any]:
    """Makes further sessions, each on a connection of its own."""
    opened = []

    def open_one() -> PsycopgSession:
        opened.append(storage.from_environment().connect())
        return PsycopgSession(opened[-1])

    yield open_one
    for each in opened:
        each.close()


@pytest.fixture
def card(session: PsycopgSession) -> Any:
    """Makes a card: `card("A", needs=["B"], priority=3)`."""

    def make(card_id: str, needs: list[str] | None = None, **fields: Any) -> Any:
        title = fields.pop("title", f"Card {card_id}")
        return cards.create(session, card_id, title, depends_on=needs or [], **fields)

    return make


@pytest.fixture
def call(store: None, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process: `call("claim", "--owner", "w")`."""

    def run(*words: str) -> Ran:
        capsys.readouterr()
        status = main(words)
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def command(store: None) -> Any:
    """Runs `manage.py backlog …` as a process, with `env` added to the environment."""

    def run(*words: str, env: dict[str, str] | None = None, stdin: str = "") -> Ran:
        done = subprocess.run(
            [*MANAGE, "backlog", *words],
            env={**os.environ, **(env or {})},
            input=stdin,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        return Ran(done.returncode, done.stdout, done.stderr)

    return run
