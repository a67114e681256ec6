"""The words of the fleet's rules: no SQL, no Django."""

from typing import Final

# What the gate decides about a card.
MERGED: Final = "merged"
HELD: Final = "held"
REJECTED: Final = "rejected"
VERDICTS: Final = (MERGED, HELD, REJECTED)

# What a signal is about.
KINDS_OF_SIGNALS: Final = ("defect", "tooling", "friction", "skill")
