"""The command with the fleet's verbs beside the backlog's: `backlog`, and `manage.py backlog`."""

from collections.abc import Sequence
from typing import Final, NoReturn

from backlog import passes
from backlog.cli import main, parser

# As `parser.VERBS`.
VERBS: Final = {
    **parser.VERBS,
    "roles": "fleet.cli.roles.roles",
    "role": "fleet.cli.roles.role",
    "graph": "fleet.cli.graph.graph",
    "repeat": "fleet.cli.repeats.repeat",
    "repeats": "fleet.cli.repeats.repeats",
    "north-star": "fleet.cli.north_star.north_star",
}

# As `passes.STEPS`.
STEPS: Final = {"repeated": "fleet.verbs.repeats.make_due"}


def run(argv: Sequence[str] | None = None, prog: str = "backlog") -> NoReturn:
    """Run the process's own words, or `argv`, and exit."""
    passes.STEPS.update(STEPS)
    main.run(argv, prog, VERBS)
