"""Workers come and go while the store is stopped and started under them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from backlog.store.embedded import Store
from tests.embedded.children import crowd, run

pytestmark = pytest.mark.deep

# A worker that takes numbers, one a transaction, and says which the server acknowledged.
WORKER = """
import psycopg
until = time.monotonic() + 4
number = 0
while time.monotonic() < until:
    connection = store.connect()
    try:
        while time.monotonic() < until:
            number += 1
            with connection.transaction():
                connection.execute("INSERT INTO claims VALUES (%s, %s)", [os.getpid(), number])
            print(os.getpid(), number)
    except psycopg.OperationalError:
        pass
"""


def test_a_stop_during_claims_loses_none_and_stops_no_worker(idle: Store) -> None:
    with idle.connect() as connection:
        connection.execute("CREATE TABLE claims (worker int, number int)")
    stopping = threading.Event()
    stops = []

    def stop_again_and_again() -> None:
        while not stopping.wait(0.5):
            stops.append(idle.stop())

    stopper = threading.Thread(target=stop_again_and_again)
    stopper.start()
    outputs = crowd(idle.root, 3, WORKER)
    stopping.set()
    stopper.join()

    acknowledged = {tuple(map(int, line.split())) for out in outputs for line in out.splitlines()}
    with idle.connect() as connection:
        found = set(connection.execute("SELECT worker, number FROM claims"))
    assert stops.count(True) > 1
    assert len(acknowledged) > 10
    assert found >= acknowledged


def test_a_claim_that_races_a_stop_has_its_connection(idle: Store) -> None:
    for _ in range(15):
        idle.start()
        with ThreadPoolExecutor() as pool:
            stopped = pool.submit(idle.stop)
            connections = [pool.submit(idle.connect) for _ in range(3)]
            stopped.result()
            for connection in connections:
                connection.result().close()


def test_threads_of_one_process_start_one_server(idle: Store) -> None:
    barrier = threading.Barrier(8)

    def start() -> bool:
        barrier.wait()
        return idle.start()

    with ThreadPoolExecutor(8) as pool:
        started = [pool.submit(start) for _ in range(8)]

    assert sorted(each.result() for each in started) == [False] * 7 + [True]


def test_threads_of_one_process_connect_to_a_fresh_store(root: Path) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
with ThreadPoolExecutor(8) as pool:
    for each in [pool.submit(store.connect) for _ in range(8)]:
        each.result().close()
"""
    run(root, code)


@pytest.mark.parametrize("before", ["", "store.start()"], ids=["starting it", "once it runs"])
def test_forks_of_one_worker_share_the_server(idle: Store, before: str) -> None:
    code = f"""
{before}
children = []
for _ in range(4):
    if (child := os.fork()) == 0:
        store.connect().close()
        os._exit(0)
    children.append(child)
print([os.waitpid(child, 0)[1] for child in children], store.status().running, store.start())
"""
    assert run(idle.root, code) == "[0, 0, 0, 0] True False"


def test_a_fork_of_the_starter_can_stop_and_start_it(idle: Store) -> None:
    code = """
store.start()
if (child := os.fork()) == 0:
    os._exit(0 if store.stop() and store.start() else 1)
print(os.waitpid(child, 0)[1], store.start(), store.stop())
"""
    assert run(idle.root, code) == "0 False True"


def test_a_worker_reconnects_after_a_restart(idle: Store) -> None:
    connection = idle.connect()
    idle.stop()
    with pytest.raises(psycopg.OperationalError):
        connection.execute("SELECT 1")
    connection.close()

    with idle.connect() as again:
        assert again.execute("SELECT 1").fetchone() == (1,)
