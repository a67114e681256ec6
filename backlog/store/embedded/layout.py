"""Where things are, as pure functions of the root directory; nothing here touches a disk.

Imported on every command's path, so it imports next to nothing.
"""

import os
import re
import sys
from pathlib import Path

DATABASE = ROLE = "backlog"
PORT = 5432  # no port is opened; it is the suffix of the socket's file name

# A socket's address holds 108 bytes on Linux and 104 on macOS: the directory,
# "/.s.PGSQL.5432" and a NUL must fit.
SOCKET_DIR_BYTES = 89 if sys.platform == "darwin" else 93

# What libpq reads from the environment. Other programs' PG_… and PGP_… stay.
_LIBPQ_VARIABLE = re.compile(r"PG[A-Z]+|PGCONNECT_TIMEOUT")


def socket_home(root: Path) -> Path:
    """Return the directory that holds the socket directory: root, where libpq can use that."""
    if _is_usable(root / "run"):
        return root
    import hashlib  # not cheap, and almost never needed

    digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:16]
    # Not tempfile.gettempdir(): two processes with different TMPDIRs must meet.
    return Path(f"/tmp/fleet-backlog-{os.geteuid()}-{digest}")  # noqa: S108 - guard.py checks it


def _is_usable(directory: Path) -> bool:
    try:
        name = str(directory).encode()
    except UnicodeEncodeError:
        return False  # its bytes are not UTF-8, which is what psycopg speaks
    # libpq takes a comma in a host for a list of hosts.
    return len(name) <= SOCKET_DIR_BYTES and b"," not in name


def socket_dir(root: Path) -> Path:
    """Return the directory of the server's socket: always short enough, and free of commas."""
    return socket_home(root) / "run"


def socket_file(root: Path) -> Path:
    return socket_dir(root) / f".s.PGSQL.{PORT}"


def log_file(root: Path) -> Path:
    return root / "postgres.log"


def libpq_variables() -> list[str]:
    """Return the names of this process's variables that libpq would obey."""
    return [name for name in os.environ if _LIBPQ_VARIABLE.fullmatch(name)]
