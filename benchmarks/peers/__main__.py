"""`python -m benchmarks.peers QUEUE install URL`, then `… QUEUE run URL BATCH CLIENTS SECONDS`.

`run` replaces the jobs and prints how many all clients together finished. A client is a process
with one connection.
"""

import asyncio
import importlib
import inspect
import multiprocessing
import sys
import time
from collections.abc import Callable
from typing import Any, Final

import uvloop

_WARM_UP: Final = 10  # psycopg prepares a statement at its sixth execution
_PATIENCE_SECONDS: Final = 120
# What no queue here comes to on two processors, one by one and in batches: nobody runs dry.
_MOST_A_SECOND: Final = {1: 8_000, 10: 20_000, 50: 30_000}


def main() -> None:
    name, action, url, *rest = sys.argv[1:]
    queue = importlib.import_module(f"benchmarks.peers.{name}")
    if action == "install":
        queue.install(url)
    elif action == "run":
        batch, clients, seconds = int(rest[0]), int(rest[1]), float(rest[2])
        warming = clients * batch * (_warm_up(queue) + 1)
        most = getattr(queue, "MOST_A_SECOND", _MOST_A_SECOND[batch])
        queue.load(url, warming + int(most * seconds))
        print(_run(queue, url, batch, clients, seconds))


def _warm_up(queue: Any) -> int:
    """Cycles of each client before it is measured."""
    return int(getattr(queue, "WARM_UP", _WARM_UP))


def _run(queue: Any, url: str, batch: int, clients: int, seconds: float) -> int:
    # fork: the imports, which are not measured, are made once.
    processes = multiprocessing.get_context("fork")
    barrier = processes.Barrier(clients)
    results = processes.SimpleQueue()

    def start() -> None:
        barrier.wait(_PATIENCE_SECONDS)

    def work() -> None:
        if hasattr(queue, "work"):
            results.put(queue.work(url, batch, _warm_up(queue), start, seconds))
            return
        loop = _work_async if inspect.isasyncgenfunction(queue.client.__wrapped__) else _work
        results.put(loop(queue, url, batch, start, seconds))

    started = [processes.Process(target=work, daemon=True) for _ in range(clients)]
    for process in started:
        process.start()
    for process in started:
        process.join(_PATIENCE_SECONDS)
        if process.exitcode != 0:
            sys.exit(f"a client of {queue.__name__} failed")
    return sum(results.get() for _ in started)


def _work(queue: Any, url: str, batch: int, start: Callable[[], None], seconds: float) -> int:
    with queue.client(url, batch) as cycle:
        for _ in range(_warm_up(queue)):
            cycle()
        start()
        done = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            done += cycle()
        return done


def _work_async(queue: Any, url: str, batch: int, start: Callable[[], None], seconds: float) -> int:
    async def work() -> int:
        async with queue.client(url, batch) as cycle:
            for _ in range(_warm_up(queue)):
                await cycle()
            start()  # blocks the loop, which has nothing else to do
            done = 0
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                done += await cycle()
            return done

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


if __name__ == "__main__":
    main()
