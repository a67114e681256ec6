"""A running `manage.py serve`, which all the tests here ask: none may open a connection by it."""

import os
import re
import time
from contextlib import closing

import pytest

from backlog.store.embedded import Store
from tests.command import copied_store, used_store
from tests.servers import free_port
from tests.serving import ask, refused, serving, sweeps
from tests.worker import until

pytestmark = pytest.mark.one_tier


@pytest.fixture(scope="module")
def root():
    with copied_store(used_store()) as made:
        yield made


@pytest.fixture(scope="module")
def env(root):
    stores = ("DATABASE_URL", "BACKLOG_DATA_DIR")
    others = {name: value for name, value in os.environ.items() if name not in stores}
    return {**others, "BACKLOG_DATA_DIR": str(root)}


@pytest.fixture(scope="module")
def bind():
    return f"127.0.0.1:{free_port()}"


@pytest.fixture(scope="module")
def log(root):
    return root.parent / "access.log"


@pytest.fixture(scope="module")
def served(env, bind, log):
    """The process, which leaves sweeps to others, and its URL."""
    with serving(env, "--no-sweep", "--bind", bind, "--access-log", str(log)) as started:
        yield started


def test_the_access_log_names_no_query(served, log):
    ask(f"{served[1]}/healthz?q=secret", **{"X-Forwarded-For": "192.0.2.7"})
    written = until(log.read_text)  # after the answer
    assert re.search(r'127\.0\.0\.1 192\.0\.2\.7 "GET /healthz" 200 3 ', written)
    assert "secret" not in written


def test_a_port_that_is_given_is_the_port_and_a_second_serve_on_it_is_refused(served, env, bind):
    assert served[1] == f"http://{bind}"
    assert "listens there already" in refused(env, "--bind", bind)


def test_no_connection_is_shared_with_the_processes(served, root):
    sql = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'fleet-backlog'"
    with closing(Store(root).connect()) as watcher:
        assert watcher.execute(f"{sql} AND pid <> pg_backend_pid()").fetchone()[0] == 0


def test_the_sweeps_can_be_left_to_others(served):
    process, url = served
    assert ask(f"{url}/healthz")[0] == 200
    time.sleep(1.5)
    assert sweeps(process.pid) == []
