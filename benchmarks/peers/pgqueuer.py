"""pgqueuer's queries, as its queue manager calls them with a batch size of one."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import psycopg
from pgqueuer.adapters.drivers.psycopg import PsycopgDriver
from pgqueuer.adapters.persistence.queries import EntrypointExecutionParameter, Queries

from benchmarks.server import connect


def install(url: str) -> None:
    async def install() -> None:
        async with await _connect(url) as connection:
            await Queries(PsycopgDriver(connection)).install()

    asyncio.run(install())


def load(url: str, jobs: int) -> None:
    with connect(url) as connection:
        connection.execute("TRUNCATE pgqueuer, pgqueuer_log")
        with connection.transaction():
            connection.execute("SET LOCAL session_replication_role = replica")
            connection.execute(
                "INSERT INTO pgqueuer (priority, status, entrypoint)"
                " SELECT i * 7919 %% 10, 'queued', 'nothing' FROM generate_series(1, %s) AS i",
                (jobs,),
            )
        connection.execute("VACUUM ANALYZE pgqueuer, pgqueuer_log")


@asynccontextmanager
async def client(url: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    async with await _connect(url) as connection:
        queries = Queries(PsycopgDriver(connection))
        entrypoints = {"nothing": EntrypointExecutionParameter(concurrency_limit=0)}
        manager = uuid.uuid4()

        async def cycle() -> None:
            jobs = await queries.dequeue(1, entrypoints, manager, None, timedelta(seconds=30))
            assert len(jobs) == 1
            await queries.log_jobs([(jobs[0], "successful", None)])

        yield cycle


async def _connect(url: str) -> psycopg.AsyncConnection:
    return await psycopg.AsyncConnection.connect(url, autocommit=True)
