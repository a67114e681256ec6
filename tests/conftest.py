"""What most tests need: a session on the store, cards, and the command."""

import os
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.db import connections
from hypothesis import settings

from backlog.cli import connection
from backlog.cli.main import main
from backlog.session import PsycopgSession
from backlog.store import storage
from remote.command import VERBS
from tests import face, kept
from tests.budget import BUDGET
from tests.command import On, Ran, copied_store, used_store
from tests.embedded.children import copy
from tests.factories import AccountFactory, CardFactory, empty
from tests.management.commands import flush
from tests.servers import Server, distribution_programs, wheel_programs
from tests.worker import until

settings.register_profile("bounded", max_examples=25, deadline=None)
settings.register_profile("full", max_examples=300, deadline=None)
settings.load_profile(BUDGET)


@pytest.fixture(scope="session")
def django_db_setup(django_db_blocker: Any) -> Iterator[None]:
    """The store of the run is the test database: what tests start as processes finds it too."""
    here = storage.from_environment()
    if isinstance(here, storage.Embedded) and not here.root.exists():
        copy(here.root, used_store())
    connections.settings["default"]["ENGINE"] = "tests.backend"
    del connections["default"]
    with django_db_blocker.unblock(), connection.open_session():
        flush.remember()
    yield
    face.close()
    connections.close_all()
    kept.forget()


@pytest.fixture
def store(django_db_setup: None) -> None:
    """The store with its schema and no cards in it."""
    with kept.connected() as lent:
        empty(PsycopgSession(lent))


@pytest.fixture
def no_autovacuum(store: None) -> Iterator[None]:
    """Nobody but the test commits anything: the server's housekeeping writes statistics."""
    at_work = "SELECT count(*) FROM pg_stat_activity WHERE backend_type LIKE 'autovacuum %'"
    with closing(storage.from_environment().connect()) as opened:
        opened.execute("ALTER SYSTEM SET autovacuum = off")
        opened.execute("SELECT pg_reload_conf()")
        until(lambda: opened.execute(at_work).fetchone() == (0,))
        yield
        opened.execute("ALTER SYSTEM RESET autovacuum")
        opened.execute("SELECT pg_reload_conf()")


@pytest.fixture
def store_root() -> Iterator[Path]:
    """The root of an embedded store of the test's own, with the schema and no card in it."""
    with copied_store(used_store()) as root:
        yield root


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A database server of the module's own, with the schema, which may be paused."""
    made = Server(distribution_programs() or wheel_programs()).start(used=True)
    yield made
    made.stop()


@pytest.fixture
def sessions(store: None) -> Iterator[Any]:
    """Makes further sessions, each on a connection of its own."""
    with ExitStack() as lent:
        yield lambda: PsycopgSession(lent.enter_context(kept.connected()))


@pytest.fixture
def session(sessions: Any) -> PsycopgSession:
    return sessions()


@pytest.fixture
def other(sessions: Any) -> PsycopgSession:
    """Somebody else's session."""
    return sessions()


@pytest.fixture
def django_store(store: None, transactional_db: None) -> None:
    """The store with no cards in it, for Django: its models, its client, the pages."""


@pytest.fixture
def viewer(client: Any, transactional_db: None) -> Any:
    """Django's client, for somebody who may only look."""
    client.force_login(AccountFactory(viewer=True))
    return client


@pytest.fixture
def card(session: PsycopgSession) -> Any:
    """Makes a card: `card("A", needs=["B"], priority=3)`, `card("C", claimed=True)`."""

    def make(card_id: str, needs: Sequence[str] = (), **fields: Any) -> Any:
        return CardFactory(session=session, id=card_id, depends_on=needs, **fields)

    return make


@pytest.fixture
def claimed(card: Any) -> Any:
    """The card A, which w holds in its first attempt, for a minute."""
    return card("A", claimed=True, ttl=60)


@pytest.fixture
def row(session: PsycopgSession) -> Any:
    """Some columns of a card: `row("status, attempts")`, of A if not told."""

    def read(columns: str, card_id: str = "A") -> Any:
        return session.execute(f"SELECT {columns} FROM backlog WHERE id = %s", [card_id]).fetchone()  # noqa: S608 (the tests' own words)

    return read


@pytest.fixture
def past_triggers(session: PsycopgSession) -> Any:
    """Runs statements that no trigger sees: `past_triggers("UPDATE …")`, to write the past."""

    def run(*statements: str) -> None:
        session.execute("SET session_replication_role = replica")
        for sql in statements:
            session.execute(sql)
        session.execute("RESET session_replication_role")

    return run


@pytest.fixture(scope="session")
def served(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The URL of the site, which this process serves on the store of the run."""
    with django_db_blocker.unblock(), face.serving() as url:
        yield url


@pytest.fixture
def call(store: None, request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs the command in this process: `call("claim", "--owner", "w")`; over HTTP, if the tests
    are to (`tests/face.py`)."""
    command = partial(main, open_session=kept.open_session, verbs=VERBS)
    if face.OVER_HTTP:
        command = partial(face.run, request.getfixturevalue("served"))

    def run(*words: str) -> Ran:
        capsys.readouterr()
        status = command(words)
        return Ran(status, *capsys.readouterr())

    return run


@pytest.fixture
def command(store: None, request: pytest.FixtureRequest) -> Any:
    """Runs `manage.py backlog …` as a process, with `env` added to the environment."""
    url = request.getfixturevalue("served") if face.OVER_HTTP else None

    def run(*words: str, env: dict[str, str] | None = None, stdin: str = "") -> Ran:
        server = face.names(url, *words) if url else {}
        return On(**{**os.environ, **server, **(env or {})})(*words, stdin=stdin)

    return run
