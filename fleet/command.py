"""The command with the fleet's verbs beside the backlog's: `backlog`, and `manage.py backlog`."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from backlog import schema
from backlog.cli import main, parser

# As `parser.VERBS`.
VERBS: Final = {
    **parser.VERBS,
    "roles": "fleet.cli.roles.roles",
    "role": "fleet.cli.roles.role",
    "graph": "fleet.cli.graph.graph",
    "verify": "fleet.cli.verdicts.verify",
    "verdicts": "fleet.cli.verdicts.verdicts",
    "request-changes": "fleet.cli.verdicts.request_changes",
    "gate": "fleet.cli.gates.gate",
    "ungate": "fleet.cli.gates.ungate",
    "gates": "fleet.cli.gates.gates",
}


def run(argv: Sequence[str] | None = None, prog: str = "backlog") -> NoReturn:
    """Run the process's own words, or `argv`, and exit."""
    schema.watch("fleet", Path(__file__).with_name("migrations"))
    main.run(argv, prog, VERBS)
