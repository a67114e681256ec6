"""What else a sweep does: the steps of apps that build on this one, which it does not know."""

from typing import Final

# Of each the key of what it did in a sweep's answer, and where it is declared: a function that
# takes a session, and gives what it did as a list of texts. It is imported when something sweeps.
STEPS: Final[dict[str, str]] = {}
