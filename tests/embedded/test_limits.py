"""Full disks, read-only ones, foreign data, too many clients: an error that says so, no loss."""

import contextlib
import hashlib
import os
from pathlib import Path

import psycopg
import pytest

from backlog.store.embedded import Store, StoreError, lock, patience, supervisor
from tests.embedded.children import User, run, spawn
from tests.embedded.conftest import Disk, Programs
from tests.worker import until

pytestmark = pytest.mark.deep

SYSTEM_POSTGRES = sorted(Path("/usr/lib/postgresql").glob("1[5-7]/bin"))


def fingerprint(directory: Path) -> str:
    """Return a digest of every name, mode, owner and content under a directory."""
    digest = hashlib.sha256()
    for path in sorted(directory.rglob("*")):
        found = path.lstat()
        digest.update(repr((path, found.st_mode, found.st_uid, found.st_mtime_ns)).encode())
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()


# The root's own files; initdb at its start; initdb later on; the database's making.
@pytest.mark.parametrize("megabytes", [1, 12, 30, 38])
def test_a_disk_full_at_the_first_use_leaves_nothing_behind(disk: Disk, megabytes: int) -> None:
    disk.remount(f"size={megabytes}m")
    store = Store(disk.path / "store")

    with pytest.raises(StoreError, match=rf"{store.root}.*No space left on device"):
        store.connect()

    assert {path.name for path in store.root.iterdir()} <= {"lock", "running"}
    disk.remount("size=200m")
    store.connect().close()


def test_a_disk_too_small_for_the_lock_is_named(disk: Disk) -> None:
    disk.remount("size=4k,nr_inodes=2")

    with pytest.raises(StoreError, match=rf"{disk.path}/store.*No space left on device"):
        Store(disk.path / "store").connect()


def test_a_disk_full_at_run_time_loses_no_committed_row(disk: Disk) -> None:
    store = Store(disk.path / "store")
    store.start()
    disk.remount("size=90m")

    acknowledged = fill(store)
    disk.remount("size=400m")

    with store.connect() as connection:
        found = {number for (number,) in connection.execute("SELECT number FROM filling")}
        connection.execute("INSERT INTO filling VALUES (0, '')")
    assert acknowledged > {1, 2, 3}
    assert found >= acknowledged


def fill(store: Store) -> set[int]:
    """Insert rows until neither the server nor a new start can; return those acknowledged."""
    acknowledged: set[int] = set()
    with store.connect(autocommit=True) as connection:
        connection.execute("CREATE TABLE filling (number int, content text)")
    for attempt in range(8):
        with (
            contextlib.suppress(psycopg.Error, StoreError),
            store.connect(autocommit=True) as connection,
        ):
            for number in range(attempt * 1000 + 1, attempt * 1000 + 1000):
                content = os.urandom(200_000).hex()
                connection.execute("INSERT INTO filling VALUES (%s, %s)", [number, content])
                acknowledged.add(number)
    return acknowledged


def test_a_read_only_disk_is_named(disk: Disk) -> None:
    store = Store(disk.path / "store")
    store.start()
    store.stop()
    disk.remount("ro")

    with pytest.raises(StoreError, match=rf"{store.root}.*Read-only file system.*BACKLOG_DATA_DIR"):
        store.connect()
    with pytest.raises(StoreError, match=rf"{disk.path}/new.*Read-only file system"):
        Store(disk.path / "new").connect()


def test_a_directory_that_cannot_be_written_to_is_named(home: Path, user: User) -> None:
    home.chmod(0o500)

    output = run(home / "store", "store.connect()", user=user, fails=True)

    said = f"StoreError: Cannot start the store in {home}/store: Permission denied ({home}/store)"
    assert said in output
    assert "set BACKLOG_DATA_DIR to a directory of your own" in output


OTHER_MAJOR = "#!/bin/sh\necho 'postgres (PostgreSQL) 19.1'\n"


def test_data_of_another_major_version_is_refused_and_untouched(
    idle: Store, programs: Programs
) -> None:
    before = fingerprint(idle.data_dir)
    programs(OTHER_MAJOR)

    with pytest.raises(StoreError, match=rf"{idle.root}/pg18 holds data of PostgreSQL 18.*19"):
        idle.connect()

    assert fingerprint(idle.data_dir) == before
    assert not (idle.root / "pg19").exists()
    assert idle.status().version == "18"


def test_a_running_server_of_another_major_version_is_used_and_can_be_stopped(
    idle: Store, programs: Programs
) -> None:
    idle.start()
    programs(OTHER_MAJOR)

    idle.connect().close()
    assert idle.stop()


@pytest.mark.skipif(not SYSTEM_POSTGRES, reason="needs a PostgreSQL of the system, 15 to 17")
def test_the_system_s_older_postgres_serves_as_well_and_its_data_is_kept(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKLOG_POSTGRES_BIN", str(SYSTEM_POSTGRES[0]))
    store = Store(root)
    store.connect().close()
    assert store.stop()
    before = fingerprint(store.data_dir)

    monkeypatch.delenv("BACKLOG_POSTGRES_BIN")
    with pytest.raises(StoreError, match=r"set BACKLOG_POSTGRES_BIN"):
        store.connect()

    assert fingerprint(store.data_dir) == before


def test_a_data_directory_that_is_none_is_refused(root: Path) -> None:
    (root / "pg18").mkdir(parents=True)
    (root / "pg18/mine").touch()
    root.chmod(0o755)

    with pytest.raises(StoreError, match=r"pg18 holds data of PostgreSQL of no known version"):
        Store(root).start()
    assert (root / "pg18/mine").exists()


def test_a_directory_named_run_that_is_somebody_s_own_is_left_to_them(root: Path) -> None:
    (root / "run").mkdir(parents=True)
    (root / "run/mine").touch()
    root.chmod(0o755)
    before = fingerprint(root / "run"), (root / "run").stat().st_uid

    with pytest.raises(StoreError, match=r"run is not for a server alone, mine is in it; set BACK"):
        Store(root).start()
    assert (fingerprint(root / "run"), (root / "run").stat().st_uid) == before
    assert {path.name for path in root.iterdir()} <= {"lock", "running", "run"}


def test_a_connection_waits_while_the_server_is_full(idle: Store) -> None:
    connections = [idle.connect() for _ in range(int(supervisor.SETTINGS["max_connections"]))]
    log = idle.root / "postgres.log"
    with spawn(idle.root, "store.connect().close()") as late:
        until(lambda: log.read_text().count("too many clients") > 1)  # it does not give up
        assert late.poll() is None
        connections.pop().close()
        assert late.wait(10) == 0
    for connection in connections:
        connection.close()


def test_a_refusal_by_the_server_is_not_retried(idle: Store) -> None:
    idle.start()

    with pytest.raises(StoreError, match='database "nowhere" does not exist'):
        idle.connect(dbname="nowhere")

    assert (idle.root / "postgres.log").read_text().count('"nowhere" does not exist') == 1


def test_a_lock_that_is_never_free_is_named(idle: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervisor, "LOCK_TIMEOUT", 0.1)

    with (
        lock.held(idle.root, 1),
        pytest.raises(StoreError, match=rf"^{idle.root}/lock has been held by another process"),
    ):
        idle.connect()


def test_a_long_log_is_set_aside(idle: Store) -> None:
    log = idle.root / "postgres.log"
    log.write_bytes(b"x" * supervisor.LOG_LIMIT)

    idle.start()

    assert (idle.root / "postgres.log.1").stat().st_size == supervisor.LOG_LIMIT
    assert b"ready to accept connections" in log.read_bytes()
    assert log.stat().st_size < 10_000


def test_a_refused_statement_does_not_lengthen_the_log(idle: Store) -> None:
    with idle.connect(autocommit=True) as connection:
        before = (idle.root / "postgres.log").stat().st_size
        for _ in range(10):
            with pytest.raises(psycopg.Error):
                connection.execute("SELECT 1/0")

    assert (idle.root / "postgres.log").stat().st_size == before


def test_missing_programs_are_named(
    root: Path, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BACKLOG_POSTGRES_BIN", str(place / "nowhere"))

    with pytest.raises(StoreError, match=rf"BACKLOG_POSTGRES_BIN={place}/nowhere has no program"):
        Store(root).connect()


def test_programs_that_do_not_run_are_named(root: Path, programs: Programs) -> None:
    made = programs("not a program")

    with pytest.raises(StoreError, match=rf"{made}/postgres does not run here"):
        Store(root).connect()


def test_a_store_without_a_connection_left_says_so_soon_and_can_be_stopped(
    idle: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(patience, "FULL", 0.2)
    monkeypatch.setitem(supervisor.SETTINGS, "max_connections", "20")
    connections = [idle.connect() for _ in range(20)]

    with pytest.raises(
        StoreError, match=rf"{idle.root}: .*too many clients.*even for an operator.*store stop"
    ):
        idle.connect()

    assert patience.FULL < patience.BUSY
    assert idle.stop()
    idle.connect().close()
    for connection in connections:
        connection.close()
