"""pgqueuer's queries, as its queue manager calls them; its default batch is ten."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import EntrypointExecutionParameter, Queries

from benchmarks import data
from benchmarks.server import connect


def install(url: str) -> None:
    async def install() -> None:
        async with await _connect(url) as connection:
            await Queries(PsycopgDriver(connection)).install()

    asyncio.run(install())


def load(url: str, jobs: int) -> None:
    statement = """
        INSERT INTO pgqueuer (priority, status, entrypoint)
        SELECT i * 7919 %% 10, 'queued', 'nothing' FROM generate_series(1, %(n)s) AS i"""
    with connect(url) as connection:
        data.replace(connection, "pgqueuer, pgqueuer_log", jobs, statement)


@asynccontextmanager
async def client(url: str, batch: int) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    async with await _connect(url) as connection:
        queries = Queries(PsycopgDriver(connection))
        entrypoints = {"nothing": EntrypointExecutionParameter(concurrency_limit=0)}
        manager = uuid.uuid4()

        async def cycle() -> int:
            jobs = await queries.dequeue(batch, entrypoints, manager, None, timedelta(seconds=30))
            await queries.log_jobs([(job, "successful", None) for job in jobs])
            return len(jobs)

        yield cycle


async def _connect(url: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)
