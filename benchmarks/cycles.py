"""Claim + complete cycles a second, beside other queues on the same server in the same run."""

import random
from collections import defaultdict
from typing import Final

from benchmarks.peers import QUEUES
from benchmarks.report import Aim, Figure, in_pairs, per_second, progress, show
from benchmarks.server import Server, run_python

_CLIENTS: Final = (1, 8, 16, 64)
_OURS: Final = ("ours", "ours_django")
_AHEAD: Final = Aim(1, at_least=True)

# Of each queue in turn: the cycles a second in every round.
Rates = dict[str, list[float]]


def run(server: Server, quick: bool) -> None:
    rounds, seconds, jobs = (3, 2.0, 30_000) if quick else (5, 4.0, 60_000)
    urls = {queue: server.database(queue) for queue in QUEUES}
    for queue, url in urls.items():
        run_python("-m", "benchmarks.peers", queue, "install", url, url=url)
    order = random.Random(1)
    figures = []
    for clients in _CLIENTS:
        rates: Rates = defaultdict(list)
        for number in range(rounds):
            progress(f"{clients} clients, round {number + 1} of {rounds}")
            for queue in order.sample(list(QUEUES), len(QUEUES)):
                rates[queue].append(_rate(queue, urls[queue], clients, seconds, jobs))
        figures += _figures(clients, rates)
    show(
        "Claim + complete cycles a second",
        figures,
        f"Each round measures every queue for {seconds:g} s from {jobs:,} waiting jobs, in an "
        "order of its own; ratios are taken within a round, the spread is over the rounds.",
    )


def _rate(queue: str, url: str, clients: int, seconds: float, jobs: int) -> float:
    words = (queue, "run", url, str(jobs), str(clients), str(seconds))
    return int(run_python("-m", "benchmarks.peers", *words, url=url)) / seconds


def _figures(clients: int, rates: Rates) -> list[Figure]:
    return [
        in_pairs(
            f"{clients} clients: {QUEUES[ours]} to {QUEUES[peer]}",
            per_second,
            rates[ours],
            rates[peer],
            _AHEAD,
        )
        for ours in _OURS
        for peer in QUEUES
        if peer not in _OURS
    ]
