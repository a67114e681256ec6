"""pg-boss's `fetch` and `complete`: see `node/pg_boss.mjs`."""

from functools import partial

from benchmarks import data
from benchmarks.peers import node
from benchmarks.server import connect

install = partial(node.install, "pg_boss")
work = partial(node.work, "pg_boss")


def load(url: str, jobs: int) -> None:
    statement = """
        INSERT INTO pgboss.job_common (name, policy, priority, created_on)
        SELECT 'nothing', 'standard', i * 7919 %% 10, now() - (%(n)s - i) * interval '1 ms'
        FROM generate_series(1, %(n)s) AS i"""
    with connect(url) as connection:
        data.replace(connection, "pgboss.job_common", jobs, statement)
