"""The processes of a command: everything in its session, whatever group it moved to."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Final

# Elsewhere `ps` is asked, which knows groups only.
_HAS_PROC: Final = sys.platform == "linux"


def of_session(leader: int) -> list[int]:
    """The living processes of the session that this process leads."""
    return _in_proc(leader) if _HAS_PROC else _in_ps(leader)


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
    rows = subprocess.check_output(["ps", "-axo", "pid=,pgid=,stat="], text=True)  # noqa: S607 (where it stands differs)
    split = (row.split() for row in rows.splitlines())
    return [int(pid) for pid, group, state in split if int(group) == leader and state[0] != "Z"]
