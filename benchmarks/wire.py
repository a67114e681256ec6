"""Cycles a second of workers that call over HTTP: beside the same number on the database, and those
of a queue of others' that is called over HTTP."""

from collections import defaultdict
from contextlib import ExitStack
from typing import Final

from backlog.session import PsycopgSession
from benchmarks import hour
from benchmarks.peers import prefect
from benchmarks.report import Figure, in_pairs, per_second, progress, show
from benchmarks.server import Server, connect, run_python
from benchmarks.site import Site, served
from remote.verbs import tokens

_CLIENTS: Final = (1, 64)
# What ours over HTTP is beside.
_BESIDE: Final = {"resident": "on the database", "prefect": "Prefect's server"}
_ASIDE: Final = "" if prefect.program() else " Not measured, since it is not installed: Prefect."


def run(server: Server, quick: bool) -> None:
    rounds, seconds = (3, 2.0) if quick else (5, 4.0)
    with ExitStack() as running:
        sites = _sites(server, running)
        figures = [
            figure
            for number in _CLIENTS
            for figure in _side_by_side(sites, number, rounds, seconds)
        ]
    show(
        "Over HTTP",
        figures,
        "Ours: a completion that claims the next, in one request or one statement. Prefect: three "
        f"requests, see `benchmarks/peers/prefect.py`. {rounds} rounds of {seconds:g} s.{_ASIDE}",
    )
    hour.run(server, quick)


def _sites(server: Server, running: ExitStack) -> dict[str, tuple[Site, str]]:
    """Where each is, and a token of ours; both servers run all the time, side by side."""
    url = server.backlog("wire")
    with connect(url) as connection:
        _, token = tokens.create(PsycopgSession(connection), "worker")
    ours = running.enter_context(served(url, "--no-sweep")), token
    sites = {"over_http": ours, "resident": ours}
    if prefect.program():
        sites["prefect"] = running.enter_context(prefect.served(server)), ""
    return sites


def _side_by_side(
    sites: dict[str, tuple[Site, str]], clients: int, rounds: int, seconds: float
) -> list[Figure]:
    rates: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        progress(f"over HTTP, {clients} clients, round {number + 1} of {rounds}")
        for queue, (site, token) in sites.items():
            rates[queue].append(_cycles(queue, site, token, clients, seconds) / seconds)
    workers = "one worker" if clients == 1 else f"{clients} workers"
    return [
        in_pairs(
            f"cycles a second, {workers}, to {name}", per_second, rates["over_http"], rates[queue]
        )
        for queue, name in _BESIDE.items()
        if queue in rates
    ]


def _cycles(queue: str, site: Site, token: str, clients: int, seconds: float) -> int:
    where = {
        "BENCHMARK_SITE": site.address,
        "BENCHMARK_TOKEN": token,
        "BENCHMARK_CLIENTS": str(clients),
    }
    words = ("-m", "benchmarks.peers", queue, "run", site.url, "1", str(clients), str(seconds))
    return int(run_python(*words, url=site.url, **where))
