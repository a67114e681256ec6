"""`python -m benchmarks.peers QUEUE install URL`, then `… QUEUE run URL JOBS CLIENTS SECONDS`.

`run` replaces the jobs and prints the cycles of all clients together. A client is a process with
one connection.
"""

import asyncio
import importlib
import inspect
import multiprocessing
import sys
import time
from typing import Any, Final

import uvloop

_WARM_UP: Final = 10  # psycopg prepares a statement at its sixth execution
_PATIENCE_SECONDS: Final = 120


def main() -> None:
    name, action, url, *rest = sys.argv[1:]
    queue = importlib.import_module(f"benchmarks.peers.{name}")
    if action == "install":
        queue.install(url)
    elif action == "run":
        queue.load(url, int(rest[0]))
        print(_run(queue, url, int(rest[1]), float(rest[2])))


def _run(queue: Any, url: str, clients: int, seconds: float) -> int:
    # fork: the imports, which are not measured, are made once.
    processes = multiprocessing.get_context("fork")
    start = processes.Barrier(clients)
    results = processes.SimpleQueue()

    def work() -> None:
        loop = _work_async if inspect.isasyncgenfunction(queue.client.__wrapped__) else _work
        results.put(loop(queue, url, start, seconds))

    started = [processes.Process(target=work, daemon=True) for _ in range(clients)]
    for process in started:
        process.start()
    for process in started:
        process.join(_PATIENCE_SECONDS)
        if process.exitcode != 0:
            sys.exit(f"a client of {queue.__name__} failed")
    return sum(results.get() for _ in started)


def _work(queue: Any, url: str, start: Any, seconds: float) -> int:
    with queue.client(url) as cycle:
        for _ in range(_WARM_UP):
            cycle()
        start.wait(_PATIENCE_SECONDS)
        cycles = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            cycle()
            cycles += 1
        return cycles


def _work_async(queue: Any, url: str, start: Any, seconds: float) -> int:
    async def work() -> int:
        async with queue.client(url) as cycle:
            for _ in range(_WARM_UP):
                await cycle()
            # Blocks the loop, which has nothing else to do.
            start.wait(_PATIENCE_SECONDS)
            cycles = 0
            end = time.monotonic() + seconds
            while time.monotonic() < end:
                await cycle()
                cycles += 1
            return cycles

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work())


if __name__ == "__main__":
    main()
