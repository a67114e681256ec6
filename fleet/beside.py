"""What the fleet's rules add to the backlog's: chores of `sweep`, what `doctor` finds."""

from backlog.verbs import beside
from backlog.verbs.beside import Kind


def join() -> None:
    """From now on, in this process."""
    beside.CHORES["repeated"] = "fleet.verbs.repeats.make_due"
    beside.CHORES["raised"] = "fleet.verbs.escalations.raise_again"
    beside.KINDS["escalated"] = Kind(
        "fleet.verbs.escalations.findings",
        "Escalated",
        "Somebody asks an operator to see to them.",
    )
    beside.KINDS["gate"] = Kind(
        "fleet.verbs.gate.findings",
        "Gate not heard of",
        "Nothing is merged while it is away.",
    )
