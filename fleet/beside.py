"""What the fleet's rules add to the backlog's: chores of `sweep`, what `doctor` finds, rights."""

from backlog.verbs import beside, rights
from backlog.verbs.beside import Kind
from fleet.rights import guard


def join() -> None:
    """From now on, in this process."""
    rights.guard = guard
    rights.TOGETHER.add("worker add")
    beside.CHORES["repeated"] = "fleet.verbs.repeats.make_due"
    beside.CHORES["raised"] = "fleet.verbs.escalations.raise_again"
    beside.FIGURES["fleet"] = "fleet.verbs.figures.figures"
    beside.KINDS["escalated"] = Kind(
        "fleet.verbs.escalations.findings",
        "Escalated",
        "Somebody asks an operator to see to them.",
        ("escalations", "Escalations"),
    )
    beside.KINDS["gate"] = Kind(
        "fleet.verbs.gate.findings", "Gate not heard of", "Nothing is merged while it is away."
    )
    beside.KINDS["unserved"] = Kind(
        "fleet.verbs.unserved.unserved",
        "For nobody",
        "Nobody who is registered has the role that they need.",
    )
