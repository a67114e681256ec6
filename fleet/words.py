"""The words of the fleet's rules: no SQL, no Django."""

from typing import Any, Final

# What the gate decides about a card.
MERGED: Final = "merged"
HELD: Final = "held"
REJECTED: Final = "rejected"
VERDICTS: Final = (MERGED, HELD, REJECTED)

# How far an escalation is.
OPEN: Final = "open"
ACKNOWLEDGED: Final = "acknowledged"
RESOLVED: Final = "resolved"

# What a signal is about.
KINDS_OF_SIGNALS: Final = ("defect", "tooling", "friction", "skill")


def state_of(escalation: Any) -> str:
    """Whether somebody sees to it, or has: of a row, whoever read it."""
    if escalation.resolved_at is not None:
        return RESOLVED
    return ACKNOWLEDGED if escalation.acknowledged_at is not None else OPEN
