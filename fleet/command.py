"""The command with the fleet's verbs beside the backlog's: `backlog`, and `manage.py backlog`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from backlog import schema
from backlog.cli import main, parser
from backlog.verbs import rights
from fleet.rights import guard

# As `parser.VERBS`.
VERBS: Final = {
    **parser.VERBS,
    "roles": "fleet.cli.roles.roles",
    "role": "fleet.cli.roles.role",
    "graph": "fleet.cli.graph.graph",
    "worker": "fleet.cli.workers.worker",
    "doctor": "fleet.cli.doctor.doctor",  # the backlog's, which finds more
}


def run(argv: Sequence[str] | None = None, prog: str = "backlog") -> NoReturn:
    """Run the process's own words, or `argv`, and exit."""
    schema.watch("fleet", Path(__file__).with_name("migrations"))
    rights.guard = guard
    main.run(argv, prog, VERBS)
