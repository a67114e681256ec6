"""The command with the fleet's verbs beside the backlog's: `backlog`, and `manage.py backlog`."""

from collections.abc import Sequence
from importlib import import_module
from typing import Final, NoReturn

from backlog.cli import main, parser
from fleet import beside

# As `parser.VERBS`.
VERBS: Final = {
    **parser.VERBS,
    "roles": "fleet.cli.roles.roles",
    "role": "fleet.cli.roles.role",
    "graph": "fleet.cli.graph.graph",
    "repeat": "fleet.cli.repeats.repeat",
    "repeats": "fleet.cli.repeats.repeats",
    "north-star": "fleet.cli.north_star.north_star",
    "escalate": "fleet.cli.escalations.escalate",
    "escalations": "fleet.cli.escalations.escalations",
    "ack": "fleet.cli.escalations.ack",
    "resolve": "fleet.cli.escalations.resolve",
    "decide": "fleet.cli.gate.decide",
    "decisions": "fleet.cli.gate.decisions",
    "heartbeat": "fleet.cli.gate.heartbeat",
    "signal": "fleet.cli.signals.signal",
    "signals": "fleet.cli.signals.signals",
    "plan": "fleet.cli.plans.plan",
    "verify": "fleet.cli.verdicts.verify",
    "verdicts": "fleet.cli.verdicts.verdicts",
    "request-changes": "fleet.cli.verdicts.request_changes",
    "gate": "fleet.cli.gates.gate",
    "ungate": "fleet.cli.gates.ungate",
    "gates": "fleet.cli.gates.gates",
    "worker": "fleet.cli.workers.worker",
    # Of an app that uses this one: known by their names alone.
    "webhook": "hooks.cli.webhooks.webhook",
    "notify": "hooks.cli.webhooks.notify",
}


def run(argv: Sequence[str] | None = None, prog: str = "backlog") -> NoReturn:
    """Run the process's own words, or `argv`, and exit."""
    beside.join()
    import_module("hooks").join()
    main.run(argv, prog, VERBS)
