"""How `backlog` is called in a shell, as pages say it."""

import os
import shlex
import sys
from pathlib import Path
from typing import Final

from django.db import connection
from django.http import HttpRequest

from backlog.web.access import CHANGE, may

# What this process was started as, before anybody changed the directory.
_PROGRAM: Final = Path(sys.argv[0]).absolute()
_ANYWHERE: Final = ["python", "manage.py", "backlog"]


def of(request: HttpRequest) -> str:
    """The beginning of a command on this site's store, as a shell of this machine takes it,
    wherever it stands; for who may not change cards, whom its paths are no business of, in short.
    """
    if not may(request, CHANGE):
        return " ".join(_ANYWHERE)
    store = [f"BACKLOG_DATA_DIR={shlex.quote(data_dir())}"] if data_dir() else []
    return " ".join([*store, *map(shlex.quote, command(_PROGRAM))])


def command(program: Path) -> list[str]:
    """How the command is called: by the script that serves this site, or the one installed with
    this Python."""
    if program.name == "manage.py":
        return [sys.executable, str(program), "backlog"]
    script = Path(sys.executable).with_name("backlog")
    return [str(script)] if os.access(script, os.X_OK) else _ANYWHERE


def data_dir() -> str:
    """Of the embedded store; a server's address may have a password in it, and is none."""
    return str(connection.settings_dict["OPTIONS"].get("root", ""))
