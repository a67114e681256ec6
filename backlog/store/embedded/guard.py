"""Whom the directories belong to, asked before every connection: two system calls at most."""

import os
import stat
from pathlib import Path

from backlog.store.embedded import layout
from backlog.store.embedded.errors import StoreError, from_os


def check(root: Path) -> None:
    """Raise StoreError where root, or a socket directory outside it, exists and is not ours."""
    try:
        _check_root(root)
        home = layout.socket_home(root)
        if home != root:
            _check_fallback(home)
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os(error, f"use the data directory {root}") from error


def _check_root(root: Path) -> None:
    found = root.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{root} is not a directory; set BACKLOG_DATA_DIR to one.")
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"{root} belongs to user id {found.st_uid}, this process runs as {os.geteuid()}; "
            "run as its owner, or set BACKLOG_DATA_DIR to a directory of your own."
        )


def _check_fallback(home: Path) -> None:
    # /tmp is everyone's: whoever made this name first could pose as our server.
    found = home.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    if not ours or stat.S_IMODE(found.st_mode) & 0o022:
        raise StoreError(
            f"{home} must be a directory of user id {os.geteuid()} that nobody else can write "
            "to, and is not; remove it, or set BACKLOG_DATA_DIR to a shorter path."
        )
