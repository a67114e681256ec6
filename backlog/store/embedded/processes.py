"""Which processes serve a data directory, and how they are ended."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from backlog.store import files

# Elsewhere `ps` is asked, which is slower and knows no working directories.
HAS_PROC = sys.platform == "linux"


class Postmaster(NamedTuple):
    """A live server's process, and what it says of itself in ``postmaster.pid``."""

    pid: int
    socket_dir: str
    status: str  # starting, ready, standby or stopping


def postmaster(data_dir: Path) -> Postmaster | None:
    """Return the running server; None where ``postmaster.pid`` is missing, broken or stale."""
    try:
        text = files.read_of(data_dir.stat().st_uid, data_dir / "postmaster.pid")
        lines = [*text.splitlines(), *[""] * 8]
        pid = int(lines[0])
    except (OSError, ValueError):
        return None
    if pid <= 1 or not serves(pid, data_dir):
        return None
    return Postmaster(pid, lines[4], lines[7].strip() or "starting")


def serves(pid: int, data_dir: Path) -> bool:
    """Say whether ``pid``, which may have been reused, is a living process of ``data_dir``."""
    if not HAS_PROC:
        return pid in _listed(data_dir)
    proc = Path(f"/proc/{pid}")
    try:
        return _is_living_postgres(proc) and _works_in(proc, data_dir)
    except OSError:
        return False  # it has just gone, or the directory has


def tag(data_dir: Path) -> str:
    """Return the cluster_name, which every server process of the directory has in its title."""
    found = data_dir.stat()
    return f"fleet-backlog-{found.st_dev:x}-{found.st_ino:x}"


def _is_living_postgres(proc: Path) -> bool:
    stat = (proc / "stat").read_text(errors="replace")
    name, _, rest = stat.partition("(")[2].rpartition(")")
    return name in {"postgres", "initdb"} and rest.split()[0] not in "ZX"


def _works_in(proc: Path, data_dir: Path) -> bool:
    try:
        return os.path.samestat((proc / "cwd").stat(), data_dir.stat())
    except PermissionError:
        # A container's root may not look at another user's cwd (it lacks CAP_SYS_PTRACE);
        # owner and title are open to all.
        same_owner = proc.stat().st_uid == data_dir.stat().st_uid
        title = os.fsdecode((proc / "cmdline").read_bytes())
        return same_owner and (tag(data_dir) in title or str(data_dir) in title)


def _listed(data_dir: Path) -> list[int]:
    """Return the data directory's processes as ``ps`` knows them."""
    command = ["ps", "-axww", "-o", "pid=,uid=,stat=,command="]
    rows = subprocess.check_output(command, text=True, errors="replace")  # noqa: S603 - constant
    owner, mark = str(data_dir.stat().st_uid), tag(data_dir)
    split = (row.split(None, 3) for row in rows.splitlines() if mark in row)
    return [int(pid) for pid, uid, state, _ in split if uid == owner and state[0] != "Z"]


def of(data_dir: Path) -> list[int]:
    """Return every living process of the data directory."""
    if not HAS_PROC:
        return _listed(data_dir)
    pids = (int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    return [pid for pid in pids if serves(pid, data_dir)]


def end(pid: int, data_dir: Path, how: signal.Signals, timeout: float) -> bool:
    """Signal a process of the data directory and wait; say whether it has gone in time."""
    deadline = time.monotonic() + timeout
    try:
        if serves(pid, data_dir):
            os.kill(pid, how)
    except ProcessLookupError:
        return True
    while serves(pid, data_dir):
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True


def end_orphans(data_dir: Path) -> None:
    """End what is left of a server that died: one busy backend would block the next start."""
    for _ in range(3):  # an initdb may have begun another child meanwhile
        for pid in (found := of(data_dir)):
            if not end(pid, data_dir, signal.SIGQUIT, timeout=5):
                # As a postmaster does to a backend that does not heed SIGQUIT.
                end(pid, data_dir, signal.SIGKILL, timeout=5)
        if not found:
            return
