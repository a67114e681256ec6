"""The server of one run, and databases of the run's own on it."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import psycopg
from psycopg import Connection, sql

from backlog.store.embedded import Store

PROJECT = Path(__file__).resolve().parent.parent
_PREFIX = "backlog_bench_"


class Server:
    """Where the run's databases are. `url` names one that exists; it is not touched."""

    def __init__(self, url: str) -> None:
        self.url = url

    def database(self, name: str) -> str:
        """Make an empty database in place of the last run's; its URL."""
        name = _PREFIX + name
        self._administer("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)
        self._administer("CREATE DATABASE {} TEMPLATE template0", name)
        return urlsplit(self.url)._replace(path=f"/{name}").geturl()

    def backlog(self, name: str, tree: Path = PROJECT) -> str:
        """Make a database with the schema of this project, or of another state of it; its URL."""
        url = self.database(name)
        run_python("manage.py", "migrate", "--verbosity=0", url=url, tree=tree)
        return url

    def drop_databases(self) -> None:
        with connect(self.url) as connection:
            names = connection.execute(
                "SELECT datname FROM pg_database WHERE starts_with(datname, %s)", (_PREFIX,)
            ).fetchall()
        for (name,) in names:
            self._administer("DROP DATABASE {} WITH (FORCE)", name)

    def _administer(self, statement: str, name: str) -> None:
        with connect(self.url) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def connect(url: str) -> Connection:
    """A connection as every client here has it: autocommit, statements prepared by psycopg."""
    return psycopg.connect(url, autocommit=True)


def run_python(*words: str, url: str, tree: Path = PROJECT, **env: str) -> str:
    """Run this interpreter in the project, on the given store; its output."""
    done = subprocess.run(
        [sys.executable, *words],
        cwd=tree,
        env=environment(url) | env,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return done.stdout


def environment(url: str) -> dict[str, str]:
    """The environment of a process that works on the given store."""
    return {
        **os.environ,
        "DATABASE_URL": url,
        "DJANGO_SETTINGS_MODULE": "fleet_backlog.settings",
        # As the other queues do, and as the embedded store does by itself.
        "PREPARE_STATEMENTS": "on",
    }


@contextmanager
def running(url: str | None) -> Iterator[Server]:
    """The given server, or one of the run's own: the embedded store in a temporary directory."""
    if url:
        server = Server(url)
        yield server
        server.drop_databases()
        return
    root = Path(tempfile.mkdtemp(prefix="backlog-bench-"))
    store = Store(root)
    try:
        store.start()
        yield Server(f"postgresql://backlog@/backlog?host={quote(str(store.socket_dir), safe='')}")
    except Exception:
        print((root / "postgres.log").read_text()[-2_000:], file=sys.stderr)
        raise
    finally:
        store.stop()
        shutil.rmtree(root)
