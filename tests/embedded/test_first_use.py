"""The first process makes and starts the store; the others find it; a killed one does no harm."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from backlog.store.embedded import Store
from tests.embedded.children import crowd, run, spawn

pytestmark = pytest.mark.deep

# Which server answered: the cluster's identity and the postmaster's start.
WHICH = """
with store.connect() as connection:
    print(*connection.execute(
        "SELECT system_identifier, pg_postmaster_start_time()::text FROM pg_control_system()"
    ).fetchone())
"""


def test_one_call_makes_starts_and_connects(root: Path) -> None:
    with Store(root).connect() as connection:
        found = connection.execute("SELECT current_database(), current_user").fetchone()

    assert found == ("backlog", "backlog")


def test_many_processes_at_once_on_a_fresh_directory_share_one_server(root: Path) -> None:
    answers = crowd(root, 16, WHICH)

    assert len(set(answers)) == 1
    assert starts(root) == 1
    assert not list(root.glob("init-*"))


def test_many_processes_at_once_on_a_cold_store_share_one_server(idle: Store) -> None:
    before = starts(idle.root)

    answers = crowd(idle.root, 16, WHICH)

    assert len(set(answers)) == 1
    assert starts(idle.root) == before + 1


def starts(root: Path) -> int:
    """Count the servers ever started, those that failed included."""
    return (root / "postgres.log").read_text().count("starting PostgreSQL")


def has(pattern: str) -> Callable[[Path], bool]:
    """Return a moment: when a path matching ``pattern`` exists under root."""
    return lambda root: next(root.glob(pattern), None) is not None


MOMENTS = {
    "the root exists": Path.exists,
    "initdb begins": has("init-*"),
    "initdb writes": has("init-*/base/1/PG_VERSION"),
    "initdb ended": has("init-*/pg_wal/0*"),
    "the data is in place": has("pg*"),
    "the server begins": has("pg*/postmaster.pid"),
    "the socket exists": has("run/.s.PGSQL.*"),
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_starter_killed_with_its_group_leaves_a_store_that_works(root: Path, moment: str) -> None:
    with spawn(root, "store.start()", start_new_session=True) as starter:
        wait_for(lambda: MOMENTS[moment](root))
        os.killpg(starter.pid, signal.SIGKILL)

    assert_works(root)


@pytest.mark.parametrize("moment", ["initdb begins", "initdb writes", "initdb ended"])
def test_an_initdb_that_outlives_its_killed_starter_does_no_harm(root: Path, moment: str) -> None:
    with spawn(root, "store.start()", start_new_session=True) as starter:
        wait_for(lambda: MOMENTS[moment](root))
        starter.kill()

    assert_works(root)
    time.sleep(0.3)
    assert not list(root.glob("init-*"))  # nor does it write on


@pytest.mark.parametrize("delay", [0.3, 0.8])
def test_a_starter_killed_at_any_time_leaves_a_store_that_works(root: Path, delay: float) -> None:
    code = "print('here', flush=True)\nstore.start()"
    with spawn(root, code, start_new_session=True) as starter:
        starter.stdout.readline()
        time.sleep(delay)
        os.killpg(starter.pid, signal.SIGKILL)

    assert_works(root)


def assert_works(root: Path) -> None:
    with Store(root).connect() as connection:
        assert connection.execute("SELECT current_database()").fetchone() == ("backlog",)
    assert not list(root.glob("init-*"))


def wait_for(happened: Callable[[], bool], timeout: float = 30) -> None:
    """Return as soon as ``happened()``."""
    deadline = time.monotonic() + timeout
    while not happened():
        assert time.monotonic() < deadline
        time.sleep(0.001)


STARTED = "store.start()\nprint('started', flush=True)\n"


WITHOUT_STREAMS = "for each in range(3): os.close(each)\nstore.start()\nos._exit(0)"


@pytest.mark.parametrize("code", [STARTED, WITHOUT_STREAMS], ids=["as ever", "without streams"])
def test_the_starter_s_exit_leaves_the_server(idle: Store, code: str) -> None:
    run(idle.root, code)

    assert idle.status().running


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGHUP, signal.SIGTERM])
def test_the_end_of_the_starter_s_group_leaves_the_server(idle: Store, how: signal.Signals) -> None:
    code = f"{STARTED}time.sleep(60)"
    with spawn(idle.root, code, start_new_session=True) as starter:
        starter.stdout.readline()
        os.killpg(starter.pid, how)

    assert idle.status().running
    assert not idle.start()


def test_the_server_holds_no_file_of_its_starter(idle: Store, place: Path) -> None:
    """Else a pipe's reader would wait for the server's end, and the lock never be free."""
    code = f"kept = open({str(place / 'kept')!r}, 'w')\nos.set_inheritable(kept.fileno(), True)\n"
    run(idle.root, f"{code}{STARTED}")  # returns: the pipe was closed

    pid = idle.status().pid
    held = {str(entry.readlink()) for entry in Path(f"/proc/{pid}/fd").iterdir()}
    assert not held & {str(place / "kept"), str(idle.root / "lock")}


def test_the_starter_reaps_a_server_that_has_ended(idle: Store) -> None:
    idle.start()
    pid = idle.status().pid
    idle.stop()

    assert not Path(f"/proc/{pid}").exists()
