"""An hour of a thousand workers with a card a minute, over HTTP, as fast as it goes: what does the
site take at its beginning, in its middle, at its end?"""

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from backlog.session import PsycopgSession
from benchmarks import data
from benchmarks.peers import over_http
from benchmarks.report import progress, table
from benchmarks.server import Server, connect
from benchmarks.site import Site, served, session_files, session_memory
from remote.verbs import tokens

_CYCLES: Final = 60_000
_CLIENTS: Final = 64
_LOOKED_AT: Final = (0.1, 0.5, 1.0)
_PATIENCE_SECONDS: Final = 1800
_MIB: Final = 2**20

# `serve` replaces each process after some 10,000 requests, and with it whatever had leaked.
_UNENDING: Final = """
import sys
from fleet_backlog.serving.server import Server
load = Server.load_config
def load_config(self):
    load(self)
    self.cfg.set("max_requests", 0)
Server.load_config = load_config
sys.argv[0] = "manage.py"
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""


def run(server: Server, quick: bool) -> None:
    cycles = _CYCLES // 20 if quick else _CYCLES
    url = server.backlog("hour")
    with connect(url) as connection:
        _, token = tokens.create(PsycopgSession(connection), "worker")
        data.fill(connection, cycles + 2 * _CLIENTS)
    with served(url, "--no-sweep", program=("-c", _UNENDING)) as site:
        begun = time.monotonic()
        rows = list(_looks(site, token, cycles))
        seconds = time.monotonic() - begun
    table(
        f"{cycles:,} cycles over HTTP",
        [("cycles", "memory", "resident", "open files", "connections of the database"), *rows],
        f"{_CLIENTS} workers, each on one connection of HTTP, in {seconds:,.0f} s. Of the site's "
        "processes together, which are not replaced meanwhile; of the memory that they share, each "
        "has its part (PSS), or all (resident).",
    )


def _looks(site: Site, token: str, cycles: int) -> Iterator[tuple[str, ...]]:
    with _working(site, token, cycles) as done:
        for part in _LOOKED_AT:
            while done.value < part * cycles:
                time.sleep(0.05)
            progress(f"over HTTP, {done.value:,} of {cycles:,} cycles")
            yield _look(site, done.value)


@contextmanager
def _working(site: Site, token: str, cycles: int) -> Iterator[Any]:
    """All workers together do so many; how many are done. They stay connected until the end."""
    processes = multiprocessing.get_context("fork")
    begun, done = processes.Value("i", 0), processes.Value("i", 0)
    end = processes.Event()
    os.environ |= {"BENCHMARK_SITE": site.address, "BENCHMARK_TOKEN": token}

    def work() -> None:
        with over_http.client(site.url, 1) as cycle:
            while _count(begun) <= cycles:
                cycle()
                _count(done)
            end.wait(_PATIENCE_SECONDS)

    started = [processes.Process(target=work, daemon=True) for _ in range(_CLIENTS)]
    for each in started:
        each.start()
    yield done
    end.set()
    for each in started:
        each.join(_PATIENCE_SECONDS)
        assert each.exitcode == 0


def _count(number: Any) -> int:
    with number.get_lock():
        number.value += 1
        return int(number.value)


def _look(site: Site, done: int) -> tuple[str, ...]:
    with connect(site.url) as connection:
        (others,) = connection.execute(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        ).fetchone()
    return (
        f"{done:,}",
        f"{session_memory(site.process) / _MIB:,.0f} MiB",
        f"{session_memory(site.process, 'Rss') / _MIB:,.0f} MiB",
        str(session_files(site.process)),
        str(others),
    )
