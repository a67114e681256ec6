"""This project's verbs on a psycopg connection; completions check owner and attempt."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

from backlog.session import PsycopgSession
from benchmarks import data
from benchmarks.server import connect, run_python


def install(url: str) -> None:
    run_python("manage.py", "migrate", "--verbosity=0", url=url)


def load(url: str, jobs: int) -> None:
    with connect(url) as connection:
        data.fill(connection, jobs)


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    with connect(url) as connection:
        yield partial(data.cycle, PsycopgSession(connection), batch)
