"""What a monitoring system is told of the fleet's rules."""

from datetime import UTC, datetime

from backlog.session import Session
from backlog.verbs.figures import Figure, one
from fleet.verbs import escalations, gate


def figures(session: Session) -> list[Figure]:
    """Who asks for an operator, and since when nothing was heard of the gate."""
    heard = gate.heard(session)
    return [
        one(
            "backlog_escalations_unanswered",
            "Escalations that nobody has acknowledged.",
            escalations.unanswered(session),
        ),
        one(
            "backlog_gate_silent_seconds",
            "Since the gate was heard of last; absent where none ever was.",
            max(0.0, (datetime.now(UTC) - heard.at).total_seconds()) if heard else None,
        ),
    ]
