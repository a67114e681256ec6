"""Cycles a second of workers that call over HTTP, beside the same number on the database."""

from statistics import median
from typing import Final

from backlog.session import PsycopgSession
from benchmarks.report import Figure, in_pairs, per_second, progress, show
from benchmarks.server import Server, connect, run_python
from benchmarks.site import Site, served, session_memory
from remote.verbs import tokens

_CLIENTS: Final = (1, 64)
_MIB: Final = 2**20


def run(server: Server, quick: bool) -> None:
    rounds, seconds, long = (2, 2.0, 10) if quick else (5, 4.0, 60)
    url = server.backlog("wire")
    with connect(url) as connection:
        _, token = tokens.create(PsycopgSession(connection), "worker")
    with served(url, "--no-sweep") as site:
        figures = [_side_by_side(site, token, number, rounds, seconds) for number in _CLIENTS]
        show(
            "Over HTTP",
            figures,
            f"A completion that claims the next, in one request or one statement; {rounds} "
            f"rounds of {seconds:g} s. {_memory(site, token, long)}",
        )


def _side_by_side(site: Site, token: str, clients: int, rounds: int, seconds: float) -> Figure:
    http, database = [], []
    for number in range(rounds):
        progress(f"over HTTP, {clients} clients, round {number + 1} of {rounds}")
        http.append(_cycles("over_http", site, token, clients, seconds) / seconds)
        database.append(_cycles("resident", site, token, clients, seconds) / seconds)
    return in_pairs(f"cycles a second, {clients} workers", per_second, http, database)


def _cycles(queue: str, site: Site, token: str, clients: int, seconds: float) -> int:
    where = {"BENCHMARK_SITE": site.address, "BENCHMARK_TOKEN": token}
    words = ("-m", "benchmarks.peers", queue, "run", site.url, "1", str(clients), str(seconds))
    return int(run_python(*words, url=site.url, **where))


def _memory(site: Site, token: str, seconds: int) -> str:
    """What the site's processes take after a while of work, and at its end."""
    progress(f"over HTTP, {seconds} s of work")
    taken = []
    cycles = 0
    for _ in range(5):
        cycles += _cycles("over_http", site, token, 16, seconds / 5)
        taken.append(session_memory(site.process) / _MIB)
    first, *_, last = taken
    return (
        f"Memory of the site's processes: {first:,.0f} MiB after a fifth of {cycles:,} cycles of "
        f"16 workers, {last:,.0f} MiB at the end (the median between, {median(taken):,.0f})."
    )
