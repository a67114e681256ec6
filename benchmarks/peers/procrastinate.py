"""procrastinate's job manager, as its worker calls it, without the worker around it.

One connection in the pool and no check of it before each query (the default connector's costs a
round trip); finished jobs stay, as the worker's default has it and as cards do.
"""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Status
from psycopg_pool import AsyncConnectionPool

from benchmarks import data
from benchmarks.server import connect


def install(url: str) -> None:
    with App(connector=PsycopgConnector(conninfo=url)).open() as app:
        app.schema_manager.apply_schema()


def load(url: str, jobs: int) -> None:
    tables = "procrastinate_jobs, procrastinate_events, procrastinate_periodic_defers"
    statement = """
        INSERT INTO procrastinate_jobs (queue_name, task_name, priority)
        SELECT 'default', 'nothing', i * 7919 %% 10 FROM generate_series(1, %(n)s) AS i"""
    with connect(url) as connection:
        data.replace(connection, tables, jobs, statement)


@asynccontextmanager
async def client(url: str, batch: int) -> AsyncIterator[Callable[[], Awaitable[int]]]:
    assert batch == 1, "it has no batches"
    app = App(connector=PsycopgConnector())
    async with AsyncConnectionPool(
        url, min_size=1, max_size=1, open=False, kwargs={"autocommit": True}
    ) as pool:
        await pool.wait()
        await app.open_async(pool)
        manager = app.job_manager
        worker = await manager.register_worker()

        async def cycle() -> int:
            job = await manager.fetch_job(None, worker)
            assert job
            await manager.finish_job(job, Status.SUCCEEDED, delete_job=False)
            return 1

        yield cycle
