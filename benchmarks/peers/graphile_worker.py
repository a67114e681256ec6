"""graphile-worker's own functions: see `node/graphile_worker.mjs`. It deletes finished jobs."""

from functools import partial

from benchmarks import data
from benchmarks.peers import node
from benchmarks.server import connect

install = partial(node.install, "graphile_worker")
work = partial(node.work, "graphile_worker")


def load(url: str, jobs: int) -> None:
    statement = """
        INSERT INTO graphile_worker._private_jobs (task_id, priority, run_at)
        SELECT tasks.id, i * 7919 %% 10, now() - (%(n)s - i) * interval '1 ms'
        FROM graphile_worker._private_tasks AS tasks, generate_series(1, %(n)s) AS i"""
    with connect(url) as connection:
        data.replace(connection, "graphile_worker._private_jobs", jobs, statement)
