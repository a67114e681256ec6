"""Directories for stores, and the end of every server the tests started."""

import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from fleet_backlog.embedded import Store, processes
from tests.embedded import children


@pytest.fixture(autouse=True)
def _no_configuration(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("BACKLOG_POSTGRES_BIN", "BACKLOG_DATA_DIR", "DATABASE_URL"):
        monkeypatch.delenv(name, raising=False)


def make_place() -> Path:
    """Make a short directory everyone can pass through; pytest's own is closed to nobody."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp is the safe way
    made = Path(tempfile.mkdtemp(prefix="fb-", dir=memory if is_roomy(memory) else "/tmp"))  # noqa: S108
    made.chmod(0o755)
    return made


def is_roomy(directory: Path) -> bool:
    """Say whether whole clusters fit there: it is in memory, and halves the tests' time."""
    if not directory.is_dir():
        return False
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize > 2**31 and not found.f_flag & os.ST_NOEXEC


def clear(place: Path) -> None:
    """End the servers in a place, and remove it."""
    for data in place.rglob("pg[1-9][0-9]"):
        end_all(data)
    shutil.rmtree(place)


@pytest.fixture
def place() -> Iterator[Path]:
    """A directory for one test's stores."""
    made = make_place()
    yield made
    clear(made)


@pytest.fixture(scope="session")
def template() -> Iterator[Path]:
    """A store as it is after its first use, stopped."""
    made = make_place()
    store = Store(made / "store")
    store.start()
    store.stop()
    yield store.root
    clear(made)


def end_all(data: Path) -> None:
    """Kill what still works in a data directory, and wait for it to go."""
    for pid in processes.of(data):
        processes.end(pid, data, signal.SIGKILL, timeout=10)
        with suppress(ChildProcessError):
            os.waitpid(pid, 0)  # started by this process: not to be left a zombie


@pytest.fixture
def root(place: Path) -> Path:
    """The root of a store that does not exist yet."""
    return place / "store"


@pytest.fixture
def store(root: Path, template: Path) -> Store:
    """A store that has been used before, and is stopped."""
    subprocess.run(["cp", "-a", template, root], check=True)
    return Store(root)


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
    subprocess.run(["umount", path], check=True)


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
