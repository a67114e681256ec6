#!/usr/bin/env python
"""Django's management commands; `backlog` among them starts without Django."""

import atexit
import gc
import os
import sys


def main() -> None:
    try:
        _run()
    except ModuleNotFoundError as error:
        if error.name not in ("django", "psycopg"):
            raise
        sys.exit(
            f"{sys.executable} has no {error.name}: `make setup` makes a Python that has,"
            " .venv/bin/python"
        )


def _run() -> None:
    if sys.argv[1:2] == ["backlog"]:
        # A worker's command is start-up more than anything else: it needs psycopg, no Django.
        from remote.command import run

        run(sys.argv[2:], prog="manage.py backlog")
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "fleet_backlog.settings")
    # The interpreter's end looks for garbage in all that was imported: a third of a short command.
    atexit.register(gc.freeze)
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
