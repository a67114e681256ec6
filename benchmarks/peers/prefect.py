"""Prefect's server: a worker asks its work pool for runs and sets their states, all over HTTP.

A take is two requests: the runs that are scheduled, which reserves none of them, and for one of
them the state "pending", which the server accepts from one worker alone. Who comes second asks
again. A third finishes it. A real worker says "running" between the two, which is left out here.
"""

import json
import os
import random
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, quote, urlsplit

from benchmarks.boards.board import port, started
from benchmarks.server import PROJECT, Server, connect
from benchmarks.site import Site

_PROGRAM: Final = PROJECT / ".venv-prefect" / "bin" / "prefect"
_POOL: Final = "pool"
# It would hang up on clients that wait for the others to be warm.
_PATIENT: Final = ("--keep-alive-timeout", "600")

# How many runs a worker asks for, of which it takes one: with as few as these, few of 64 workers
# come second, and no more are written out than that takes.
_LOOK: Final = 8
# What it does not come to on two processors: to fill its tables takes longer than ours.
MOST_A_SECOND: Final = 400
# Its connections are opened, and there is nothing that it would have to learn.
WARM_UP: Final = 2

# As its own server makes one for a deployment; all but what differs is the first one's.
_RUNS: Final = """
WITH first AS (SELECT * FROM flow_run ORDER BY created LIMIT 1),
made AS (
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS state, now() + i * interval '1 us' AS at
    FROM generate_series(1, %(n)s) AS i
), runs AS (
    INSERT INTO flow_run (id, name, state_type, state_name, state_timestamp, state_id, run_count,
        expected_start_time, next_scheduled_start_time, total_run_time, parameters, context,
        empirical_policy, tags, auto_scheduled, flow_id, deployment_id, work_queue_id,
        job_variables, labels)
    SELECT made.id, 'run', 'SCHEDULED', 'Scheduled', at, state, 0, at, at, total_run_time,
        parameters, context, empirical_policy, tags, auto_scheduled, flow_id, deployment_id,
        work_queue_id, job_variables, labels
    FROM made, first
)
INSERT INTO flow_run_state (id, type, timestamp, name, state_details, flow_run_id)
SELECT state, 'SCHEDULED', at, 'Scheduled',
    jsonb_build_object('flow_run_id', id, 'scheduled_time', at), id FROM made"""
_ENDED: Final = """
DELETE FROM flow_run WHERE id <> (SELECT id FROM flow_run ORDER BY created LIMIT 1)"""


def program() -> Path | None:
    """Its program; None if it is not installed."""
    return _PROGRAM if _PROGRAM.exists() else None


@contextmanager
def served(server: Server) -> Iterator[Site]:
    """Its server, as it starts by itself but for its pages, with a work pool and one run."""
    url = server.database("prefect")
    at = port(3)
    address = f"http://127.0.0.1:{at}"
    words = (program(), "server", "start", "--host", "127.0.0.1", "--port", str(at), *_PATIENT)
    with tempfile.TemporaryDirectory() as home:
        env = {
            "PREFECT_HOME": home,
            "PREFECT_API_DATABASE_CONNECTION_URL": _for_asyncpg(url),
            "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
            "PREFECT_UI_ENABLED": "false",
        }
        with started(words, home, f"{address}/api/health", env) as process:
            _prepare(address)
            yield Site(address, "", process, url)


def _for_asyncpg(url: str) -> str:
    """The same server; of a socket's directory, as SQLAlchemy wants it."""
    parts = urlsplit(url)
    host = parse_qs(parts.query).get("host", [""])[0]
    query = f"host={quote(host, safe='/')}" if host else ""
    return parts._replace(scheme="postgresql+asyncpg", query=query).geturl()


def _prepare(address: str) -> None:
    with closing(HTTPConnection(address.removeprefix("http://"), timeout=60)) as connection:
        _post(connection, "work_pools/", {"name": _POOL, "type": "process"})
        flow = _post(connection, "flows/", {"name": "nothing"})["id"]
        deployment = {"name": "nothing", "flow_id": flow, "work_pool_name": _POOL}
        made = _post(connection, "deployments/", deployment)["id"]
        run = _post(connection, f"deployments/{made}/create_flow_run", {})["id"]
        _set(connection, run, "COMPLETED")


def load(url: str, jobs: int) -> None:
    with connect(url) as connection:
        with connection.transaction():
            connection.execute(_ENDED)
            connection.execute(_RUNS, {"n": jobs})
        connection.execute("VACUUM ANALYZE flow_run, flow_run_state")


@contextmanager
def client(url: str, batch: int) -> Iterator[Callable[[], int]]:
    """`url` is the database's; the server's address is in the environment."""
    assert batch == 1, "one by one alone"
    host = os.environ["BENCHMARK_SITE"].removeprefix("http://")
    alone = os.environ["BENCHMARK_CLIENTS"] == "1"
    asked = {"limit": 1 if alone else _LOOK}
    with closing(HTTPConnection(host, timeout=60)) as connection:

        def cycle() -> int:
            while True:
                found = _post(connection, f"work_pools/{_POOL}/get_scheduled_flow_runs", asked)
                if found:
                    run = random.choice(found)["flow_run"]["id"]
                    if _set(connection, run, "PENDING") == "ACCEPT":
                        break
            assert _set(connection, run, "COMPLETED") == "ACCEPT"
            return 1

        yield cycle


def _set(connection: HTTPConnection, run: str, state: str) -> str:
    said = _post(connection, f"flow_runs/{run}/set_state", {"state": {"type": state}})
    return str(said["status"])


def _post(connection: HTTPConnection, path: str, given: Any) -> Any:
    headers = {"Content-Type": "application/json"}
    connection.request("POST", f"/api/{path}", json.dumps(given), headers)
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status in (200, 201), said
    return json.loads(said)
