"""Whom the directories belong to, asked before every connection: a few system calls.

Who may write a directory can put a server, a key or data of their own in it.
"""

import os
import shlex
import stat
from pathlib import Path

from backlog.store.embedded import layout
from backlog.store.embedded.errors import StoreError, from_os


def check(root: Path) -> None:
    """Raise StoreError where a directory of the store's exists and is not ours, or not only ours.

    Where there is none yet, all is well.
    """
    try:
        _check_root(root)
        home = layout.socket_home(root)
        if home != root:
            _check_fallback(home)
        _check_closed(layout.socket_dir(root))
    except FileNotFoundError:
        return
    except OSError as error:
        raise from_os(error, f"use the data directory {root}") from error


def _check_root(root: Path) -> None:
    found = root.lstat()
    if stat.S_ISLNK(found.st_mode) and found.st_uid != 0:
        # Who made the link can turn it to another directory of ours at any time.
        _require_ours(root, found)
    found = root.stat()
    if not stat.S_ISDIR(found.st_mode):
        raise StoreError(f"{root} is not a directory; set BACKLOG_DATA_DIR to one.")
    _require_ours(root, found)
    _check_closed(root)


def _require_ours(root: Path, found: os.stat_result) -> None:
    if found.st_uid != os.geteuid():
        raise StoreError(
            f"{root} belongs to user id {found.st_uid}, this process runs as {os.geteuid()}; "
            "run as its owner, or set BACKLOG_DATA_DIR to a directory of your own."
        )


def _check_closed(directory: Path) -> None:
    mode = stat.S_IMODE(directory.stat().st_mode)
    if mode & 0o022:
        raise StoreError(
            f"Others may write to {directory} (mode {mode:04o}), and so could have put something "
            f"there; look what is in it, then: chmod go-w {shlex.quote(str(directory))}"
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
