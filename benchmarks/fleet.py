"""Workers that stay: processes that claim and complete cards when they are told to."""

import multiprocessing
import time
from collections.abc import Sequence
from contextlib import ExitStack
from multiprocessing.connection import Connection
from typing import Self

from backlog.session import PsycopgSession
from benchmarks import data
from benchmarks.server import connect


class Fleet:
    """`workers` processes, each with a session on every one of `urls`, `batch` cards at once."""

    def __init__(self, workers: int, urls: Sequence[str], batch: int = 1) -> None:
        processes = multiprocessing.get_context("spawn")
        self._ends: list[Connection] = []
        self._processes = []
        for _ in range(workers):
            mine, theirs = processes.Pipe()
            self._ends.append(mine)
            process = processes.Process(
                target=_serve, args=(theirs, list(urls), batch), daemon=True
            )
            process.start()
            self._processes.append(process)

    def cycles(self, url: str, number: int) -> float:
        """Do about this many cycles; how many were done a second."""
        return self._rate((url, -(-number // len(self._ends)), float("inf")))

    def seconds(self, url: str, seconds: float) -> float:
        """Do cycles for so long; how many were done a second."""
        return self._rate((url, float("inf"), seconds))

    def _rate(self, order: tuple[str, float, float]) -> float:
        before = time.perf_counter()
        for end in self._ends:
            end.send(order)
        done = sum(end.recv() for end in self._ends)
        return float(done / (time.perf_counter() - before))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        for end in self._ends:
            end.close()
        for process in self._processes:
            process.join(10)


def _serve(orders: Connection, urls: list[str], batch: int) -> None:
    with ExitStack() as stack:
        sessions = {url: PsycopgSession(stack.enter_context(connect(url))) for url in urls}
        while True:
            try:
                url, cycles, seconds = orders.recv()
            except EOFError:
                return
            orders.send(_work(sessions[url], batch, cycles, seconds))


def _work(session: PsycopgSession, batch: int, cycles: float, seconds: float) -> int:
    done = 0
    end = time.monotonic() + seconds
    while done < cycles and time.monotonic() < end:
        done += data.cycle(session, batch)
    return done
