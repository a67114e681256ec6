"""Whatever died, the next connection finds every row that was committed."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import psycopg
import pytest

from backlog.store.embedded import Store, StoreError, processes
from tests.embedded.children import run, spawn
from tests.embedded.conftest import Programs, kill_postmaster, postmaster
from tests.worker import until

pytestmark = pytest.mark.deep

CLAIM_FOR_EVER = """
connection = store.connect(autocommit=True)
number = 0
while True:
    number += 1
    connection.execute("INSERT INTO claims VALUES (%s)", [number])
    print(number, flush=True)
"""


def kill_every_postgres(store: Store) -> None:
    for pid in processes.of(store.data_dir):
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


@pytest.mark.parametrize("kill", [kill_postmaster, kill_every_postgres])
def test_after_a_kill_every_acknowledged_claim_is_there(
    idle: Store, kill: Callable[[Store], None]
) -> None:
    with idle.connect() as connection:
        connection.execute("CREATE TABLE claims (number int)")
    with spawn(idle.root, CLAIM_FOR_EVER, stderr=subprocess.DEVNULL) as worker:
        acknowledged = [int(worker.stdout.readline()) for _ in range(200)]
        kill(idle)
        acknowledged += [int(line) for line in worker.stdout]

    with idle.connect() as connection:
        found = {number for (number,) in connection.execute("SELECT number FROM claims")}
    assert found >= set(acknowledged)


@pytest.fixture
def bystander(idle: Store) -> Iterator[subprocess.Popen[bytes]]:
    """A process of the server's own account that has nothing to do with it."""
    idle.start()
    owner = idle.data_dir.stat()
    account = {"user": owner.st_uid, "group": owner.st_gid} if os.geteuid() == 0 else {}
    with subprocess.Popen(["sleep", "60"], **account) as process:  # type: ignore[call-overload]  # (the stubs want each option by name)
        yield process
        process.kill()


def reuse_pid(store: Store, pid: int) -> None:
    """Kill the server and let its files name another process, as after a reboot."""
    kill_every_postgres(store)
    until(lambda: not store.status().running)
    for file in (store.data_dir / "postmaster.pid", store.socket_dir / ".s.PGSQL.5432.lock"):
        lines = file.read_text().splitlines(keepends=True)
        file.write_text("".join([f"{pid}\n", *lines[1:]]))


def test_a_reused_pid_is_neither_waited_for_nor_ended(
    idle: Store, bystander: subprocess.Popen[bytes]
) -> None:
    reuse_pid(idle, bystander.pid)

    assert not idle.status().running
    assert not idle.stop()
    idle.connect().close()
    assert bystander.poll() is None


def test_a_pid_reused_by_another_store_s_server_is_left_alone(idle: Store, place: Path) -> None:
    other = Store(place / "other")
    other.start()
    idle.start()
    reuse_pid(idle, postmaster(other))

    assert not idle.stop()
    assert idle.start()
    assert other.status().running


def test_a_zombie_is_not_a_running_server(root: Path, as_root: None) -> None:
    """PID 1 of many containers reaps nobody."""
    code = """
if os.fork() == 0:
    store.start()
    os._exit(0)
os.wait()
os.kill(store.status().pid, signal.SIGKILL)
time.sleep(0.3)
assert Path(f"/proc/{(store.data_dir / 'postmaster.pid').read_text().split()[0]}").exists()
assert not store.status().running
store.connect().close()
assert store.stop()
print("started again")
"""
    namespace = ["unshare", "--pid", "--fork", "--mount-proc"]
    with spawn(root, code, prefix=namespace) as first:
        output, _ = first.communicate(timeout=60)

    assert output == "started again\n"


@pytest.fixture
def container(idle: Store, as_root: None) -> Iterator[list[str]]:
    """A prefix for commands, while the store's server runs in a container of its own.

    Commands see the directory, and not the server's processes and shared memory.
    """
    prefix = ["unshare", "--pid", "--ipc", "--fork", "--mount-proc"]
    code = "store.start()\nprint('started', flush=True)\nsys.stdin.read()"
    with spawn(idle.root, code, prefix=prefix) as first:
        assert first.stdout.readline() == "started\n"
        yield prefix
        first.stdin.close()


def test_containers_share_a_server_over_its_socket(idle: Store, container: list[str]) -> None:
    code = "store.connect().close()\nprint(store.start(), store.status().running)\nstore.stop()"

    output = run(idle.root, code, prefix=container, fails=True)

    assert "False True" in output.splitlines()
    assert f"StoreError: The server of {idle.root} is not among the processes" in output


def test_no_second_server_gets_at_the_data(idle: Store, container: list[str]) -> None:
    (idle.socket_dir / ".s.PGSQL.5432").unlink()
    code = "from backlog.store.embedded import lock\nlock.CLAIM_TIMEOUT = 0.5\nstore.connect()"

    output = run(idle.root, code, prefix=container, fails=True)

    assert f"StoreError: {idle.root}/running is held by a server" in output
    assert processes.of(idle.data_dir)


@pytest.mark.parametrize("is_frozen", [False, True])
def test_a_busy_orphan_does_not_block_the_next_start(
    idle: Store, orphan_to_be: int, is_frozen: bool
) -> None:
    kill_postmaster(idle)
    if is_frozen:
        os.kill(orphan_to_be, signal.SIGSTOP)  # SIGQUIT will not reach it
    time.sleep(0.1)
    assert processes.serves(orphan_to_be, idle.data_dir)

    idle.connect().close()

    assert not processes.serves(orphan_to_be, idle.data_dir)


@pytest.mark.parametrize(
    "content", ["", "\n", "123", "not a number\n", "999999999\n", "1\n", "-5\n"]
)
def test_a_broken_postmaster_pid_does_not_block_the_next_start(idle: Store, content: str) -> None:
    idle.start()
    kill_every_postgres(idle)
    (idle.data_dir / "postmaster.pid").write_text(content)

    idle.connect().close()


def test_a_connection_waits_while_the_server_recovers(idle: Store) -> None:
    recover_slowly(idle)

    with spawn(idle.root, "store.start()") as starter:
        until(lambda: recovers(idle))
        idle.connect().close()
        assert starter.wait(10) == 0


def recover_slowly(store: Store) -> None:
    """Let the next start recover, from an archive that takes its time and then has nothing."""
    (store.data_dir / "recovery.signal").touch()
    with (store.data_dir / "postgresql.auto.conf").open("a") as conf:
        conf.write("restore_command = 'sleep 0.3; exit 1'\nhot_standby = off\n")


def recovers(store: Store) -> bool:
    """Say whether a plain connection attempt is told to wait."""
    try:
        psycopg.connect(**store.connect_params()).close()
    except psycopg.OperationalError as error:
        return "the database system is" in str(error)
    return False


def test_a_starter_killed_during_recovery_leaves_it_to_the_next(idle: Store) -> None:
    recover_slowly(idle)

    with spawn(idle.root, "store.start()", start_new_session=True) as starter:
        until(lambda: recovers(idle))
        os.killpg(starter.pid, signal.SIGKILL)
    pid = postmaster(idle)

    assert not idle.start()
    assert postmaster(idle) == pid


def test_a_start_of_over_ten_seconds_is_waited_for(idle: Store, programs: Programs) -> None:
    real = idle.status().binaries / "postgres"
    programs(f'#!/bin/sh\n[ "$1" = --version ] || sleep 11\nexec "{real}" "$@"\n')

    began = time.monotonic()
    idle.connect().close()

    assert time.monotonic() - began > 11


def test_a_server_that_cannot_start_says_why_and_is_not_tried_again(idle: Store) -> None:
    (idle.data_dir / "global/pg_control").rename(idle.root / "kept")

    with pytest.raises(StoreError, match=r"pg18: .*could not (find|open).*postgres\.log\)\.$"):
        idle.connect()

    assert (idle.root / "postgres.log").read_text().count("pg_control") == 1


def test_a_server_that_lost_its_socket_is_started_again(idle: Store) -> None:
    idle.start()
    before = postmaster(idle)
    (idle.socket_dir / ".s.PGSQL.5432").unlink()

    idle.connect().close()

    assert postmaster(idle) != before


def test_a_connection_outlasts_a_slow_shutdown(idle: Store) -> None:
    """SIGTERM, which a service manager sends, waits for the sessions there are."""
    session = idle.connect()
    os.kill(postmaster(idle), signal.SIGTERM)
    log = idle.root / "postgres.log"
    with spawn(idle.root, "store.connect().close()") as late:
        # Refused, and not only once: it waits.
        until(lambda: log.read_text().count("the database system is shutting down") > 1)
        assert late.poll() is None
        session.close()
        assert late.wait(20) == 0
