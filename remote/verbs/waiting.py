"""Whether a claim that waits has a reason to try again."""

from typing import Final

from backlog.session import Session
from backlog.verbs.pool import GATE

# No claim takes anything as long as nothing is claimable, and no rule is due that could change it.
_REASON: Final = f"SELECT NOT {GATE} OR EXISTS (SELECT FROM backlog WHERE claimable)"


def has_reason(session: Session) -> bool:
    """Whether there is a card that somebody could claim."""
    found: bool = session.rows(_REASON)[0][0]
    return found
