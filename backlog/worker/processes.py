"""The processes of a command: everything in its session, whatever group it moved to."""

import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import Final

# Elsewhere `ps` is asked, which knows groups only.
_IS_LINUX: Final = sys.platform == "linux"


def of_session(leader: int) -> list[int]:
    """The living processes of the session that this process leads."""
    if not _IS_LINUX:
        return _in_ps(leader)
    return _in_proc(leader) if _has_own_proc() else []


def signal_session(leader: int, *how: signal.Signals) -> None:
    """Send them these signals, and those that they start meanwhile."""
    if _IS_LINUX and not _has_own_proc():
        _send(os.killpg, leader, how)
        return
    told: set[int] = set()
    while found := set(of_session(leader)) - told:
        for pid in found:
            _send(os.kill, pid, how)
        told |= found


def _send(kill: Callable[[int, int], None], whom: int, how: Iterable[signal.Signals]) -> None:
    for number in how:
        with suppress(ProcessLookupError, PermissionError):
            kill(whom, number)


def _has_own_proc() -> bool:
    """Not so in a namespace of processes with the /proc of another: its numbers mean others."""
    try:
        return Path("/proc/self").readlink().name == str(os.getpid())
    except OSError:
        return False


def _in_proc(leader: int) -> list[int]:
    found = []
    for entry in os.listdir("/proc"):  # noqa: PTH208 (looked at many times a second)
        if entry.isdecimal():
            try:
                stat = Path(f"/proc/{entry}/stat").read_bytes()
            except OSError:
                continue  # it has just gone
            state, _, _, session = stat.rpartition(b")")[2].split()[:4]
            if int(session) == leader and state not in (b"Z", b"X"):
                found.append(int(entry))
    return found


def _in_ps(leader: int) -> list[int]:
    import subprocess  # not cheap, and not needed on Linux

    rows = subprocess.check_output(["ps", "-axo", "pid=,pgid=,stat="], text=True)  # noqa: S607 (where it stands differs)
    split = (row.split() for row in rows.splitlines())
    return [int(pid) for pid, group, state in split if int(group) == leader and state[0] != "Z"]
