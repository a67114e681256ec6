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

# What a role may do that not everybody may: verbs of the command, and of some a part. `claim` is of
# cards for the role itself, `claim-any` of those for no role; `complete` of what is gated, but for
# whoever holds it; `force` of what another one holds: it is taken from them.
RIGHTS: Final = (
    *("claim", "claim-any", "complete", "block", "cancel", "force", "unblock", "reopen"),
    *("verify", "request-changes", "decide", "heartbeat", "signal", "ack", "resolve"),
    *("create", "import", "edit", "link", "unlink", "delete", "plan apply", "plan publish"),
    *("drop", "archive", "repeat", "pause", "resume", "limit", "unlimit", "budget", "unbudget"),
    *("gate", "ungate", "north-star propose", "north-star ratify", "north-star veto"),
    *("worker add", "worker remove"),
    *("webhook add", "webhook remove", "webhook rotate", "webhook enable", "webhook test"),
    *("webhook resend", "notify add"),
)


def state_of(escalation: Any) -> str:
    """Whether somebody sees to it, or has: of a row, whoever read it."""
    if escalation.resolved_at is not None:
        return RESOLVED
    return ACKNOWLEDGED if escalation.acknowledged_at is not None else OPEN
