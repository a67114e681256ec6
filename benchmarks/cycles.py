"""Cycles a second of a queue, one by one and in batches, beside other queues in the same run.

A cycle is a job that was claimed and finished.
"""

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from statistics import median
from typing import Final

from benchmarks.peers import GROUPS, node
from benchmarks.report import number_of, per_second, progress, spread, table
from benchmarks.server import Server, run_python

_CLIENTS: Final = (1, 8, 16, 64)

# What ours is to be of the others, with each number of clients.
_AHEAD: Final = (1.0,) * 4
_TWICE: Final = (1.8, 2.0, 2.0, 2.0)
_NEAR: Final = (0.8,) * 4
_AIMS: Final[dict[int, dict[str, Sequence[float]]]] = {
    1: {
        "procrastinate": _TWICE,
        "graphile_worker": _AHEAD,
        "pgqueuer": _AHEAD,
        "pg_boss": _AHEAD,
        "django_tasks": _AHEAD,
    },
    10: {"pgqueuer": _AHEAD, "pg_boss": _AHEAD},
    50: {"pgqueuer": _NEAR, "pg_boss": _NEAR},
}
# Enough to judge the aims that are not met by far.
_IN_A_TRIAL: Final = {
    1: ("resident", "procrastinate", "graphile_worker"),
    10: ("resident", "pgqueuer", "pg_boss"),
    50: ("resident", "pgqueuer", "pg_boss"),
}
_TITLES: Final = {1: "Cycles, one by one", 10: "Cycles in tens", 50: "Cycles in fifties"}

# The rates of every round, by queue and number of clients.
Rates = dict[tuple[str, int], list[float]]


def run(server: Server, quick: bool) -> None:
    rounds, seconds = (3, 1.0) if quick else (5, 2.0)
    with_node = node.is_there()
    urls: dict[str, str] = {}
    for batch, group in GROUPS.items():
        queues = {
            module: label
            for module, label in group.items()
            if (with_node or module not in node.MODULES)
            and (not quick or module in _IN_A_TRIAL[batch])
        }
        for module in queues.keys() - urls.keys():
            urls[module] = url = server.database(module)
            run_python("-m", "benchmarks.peers", module, "install", url, url=url)
        table(
            _TITLES[batch],
            _rows(batch, queues, _measured(urls, batch, list(queues), rounds, seconds)),
            f"Each of {rounds} rounds measures every queue for {seconds:g} s, in an order of its "
            "own. Cycles a second, and the first line's ratio to them within a round: medians, and "
            "the spread over the rounds."
            + ("" if with_node else " Not measured, without Node: graphile-worker and pg-boss."),
        )


def _measured(
    urls: Mapping[str, str], batch: int, queues: Sequence[str], rounds: int, seconds: float
) -> Rates:
    order = random.Random(1)
    rates: Rates = defaultdict(list)
    for clients in _CLIENTS:
        for number in range(rounds):
            progress(f"{_TITLES[batch]}, {number_of(clients)}, round {number + 1} of {rounds}")
            for queue in order.sample(queues, len(queues)):
                words = (queue, "run", urls[queue], str(batch), str(clients), str(seconds))
                done = run_python("-m", "benchmarks.peers", *words, url=urls[queue])
                rates[queue, clients].append(int(done) / seconds)
    return rates


def _rows(batch: int, labels: Mapping[str, str], rates: Rates) -> list[tuple[str, ...]]:
    ours, *others = labels
    return [
        ("", *(number_of(clients) for clients in _CLIENTS), "aim"),
        (labels[ours], *(per_second(rates[ours, clients]) for clients in _CLIENTS), ""),
        *(_row(labels[other], ours, other, rates, _AIMS[batch].get(other)) for other in others),
    ]


def _row(
    label: str, ours: str, other: str, rates: Rates, limits: Sequence[float] | None
) -> tuple[str, ...]:
    cells, missed = [], []
    for n, clients in enumerate(_CLIENTS):
        theirs = rates[other, clients]
        ratios = [mine / other for mine, other in zip(rates[ours, clients], theirs, strict=True)]
        cells.append(f"{per_second(theirs)}: {median(ratios):.2f}, {spread(ratios)}")
        if limits and median(ratios) < limits[n]:
            missed.append(str(clients))
    if not limits:
        return label, *cells, ""
    aim = "at least " + ", then ".join(dict.fromkeys(f"{limit:g}" for limit in limits))
    return label, *cells, f"{aim}: {'missed with ' + ', '.join(missed) if missed else 'met'}"
