"""The command with the verbs of the wire beside the others: `backlog`, `manage.py backlog`."""

import os
from collections.abc import Sequence
from typing import Final, NoReturn

from hooks import command
from remote import join

# As `parser.VERBS`.
VERBS: Final = {**command.VERBS, "token": "remote.cli.tokens.token", "mcp": "remote.cli.mcp.mcp"}


def run(argv: Sequence[str] | None = None, prog: str = "backlog") -> NoReturn:
    """Run the process's own words, or `argv`, and exit: on the store that the environment names, or
    on the server of BACKLOG_URL, which goes before DATABASE_URL."""
    if os.environ.get("BACKLOG_URL", "").strip():
        from remote.client import main

        main.run(argv, prog, VERBS)
    join()
    command.run(argv, prog, VERBS)
