"""Directories for stores, and the end of every server the tests started."""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from backlog.store.embedded import Store, processes
from tests.embedded import children
from tests.worker import until

Programs = Callable[[str], Path]
Copied = Callable[[Path], Store]


# It is about the embedded tier, whichever tier the other tests use.
collect_ignore_glob = ["test_*.py"] if os.environ.get("BACKLOG_TEST_TIER") == "server" else []


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BACKLOG_POSTGRES_BIN", "BACKLOG_DATA_DIR", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def clear(place: Path) -> None:
    """End the servers in a place, and remove it."""
    for data in place.rglob("pg[1-9][0-9]"):
        end_all(data)
    shutil.rmtree(place)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for one test's stores."""
    made = children.make_place()
    yield made
    clear(made)


def end_all(data: Path) -> None:
    """Kill what still works in a data directory, and wait for it to go."""
    pids = processes.of(data)
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    for pid in pids:
        processes.end(pid, data, signal.SIGKILL, timeout=10)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)  # started by this process: not to be left a zombie


@pytest.fixture
def root(place: Path) -> Path:
    """The root of a store that does not exist yet."""
    return place / "store"


@pytest.fixture(scope="session")
def copied() -> Copied:
    """Makes a store that has been used before, and is stopped, in a directory of any name."""

    template = children.template()

    def copy(root: Path) -> Store:
        children.copy(root, template)
        return Store(root)

    return copy


@pytest.fixture
def idle(root: Path, copied: Copied) -> Store:
    """A store that has been used before, and is stopped."""
    return copied(root)


@pytest.fixture
def programs(place: Path, monkeypatch: pytest.MonkeyPatch) -> Programs:
    """Chooses programs, by the script that is their postgres; gives their directory."""

    def choose(postgres: str) -> Path:
        made = place / "programs"
        made.mkdir()
        (made / "initdb").symlink_to("/bin/true")
        (made / "postgres").write_text(postgres)
        (made / "postgres").chmod(0o755)
        monkeypatch.setenv("BACKLOG_POSTGRES_BIN", str(made))
        return made

    return choose


@pytest.fixture
def orphan_to_be(idle: Store) -> Iterator[int]:
    """A backend that never waits: it does not notice when its postmaster dies."""
    busy = "DO $$ BEGIN LOOP END LOOP; END $$"
    query = "SELECT pid FROM pg_stat_activity WHERE query = %s AND state = 'active'"
    with children.spawn(idle.root, f"store.connect().execute({busy!r})") as worker:
        with idle.connect(autocommit=True) as connection:
            found = until(lambda: connection.execute(query, [busy]).fetchone())
        yield found[0]
        worker.wait(10)


def kill_postmaster(store: Store) -> None:
    processes.end(postmaster(store), store.data_dir, signal.SIGKILL, timeout=10)


def postmaster(store: Store) -> int:
    pid = store.status().pid
    assert pid
    return pid


@pytest.fixture(scope="session")
def running(copied: Copied) -> Iterator[Store]:
    """One server, for the tests that only ask it something."""
    made = children.make_place()
    store = copied(made / "store")
    store.start()
    yield store
    clear(made)


@pytest.fixture
def as_root() -> None:
    """Skip the test for a normal user."""
    if os.geteuid() != 0:
        pytest.skip("needs root: it switches users, mounts or makes a namespace")


class Disk:
    """A file system of its own, in memory."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def remount(self, options: str) -> None:
        """Change its size or make it read-only."""
        subprocess.run(["mount", "-o", f"remount,{options}", self.path], check=True)


@pytest.fixture
def disk(place: Path, as_root: None) -> Iterator[Disk]:
    """A disk that can be filled or made read-only."""
    path = place / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=200m,mode=755", "tmpfs", str(path)]
    if subprocess.run(command, check=False).returncode:
        # On CI these must run: a job that cannot mount is set up wrongly.
        assert not os.environ.get("CI"), "root may not mount here"
        pytest.skip("needs a root that may mount")
    yield Disk(path)
    for data in path.rglob("pg[1-9][0-9]"):
        end_all(data)
    # Lazily: a process that was just killed may keep it a moment longer.
    subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture
def user(as_root: None) -> children.User:
    """A normal user, not the one the test runs as."""
    return children.User(1)


@pytest.fixture
def stranger(as_root: None) -> children.User:
    """A second normal user."""
    return children.User(2)


@pytest.fixture
def home(place: Path, user: children.User) -> Path:
    """The user's own directory, closed to everyone else."""
    made = place / "home"
    made.mkdir(mode=0o700)
    os.chown(made, user.uid, user.uid)
    return made
