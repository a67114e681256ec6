"""What a token may do: each verb needs a scope, and each scope holds those below it."""

from typing import Final

READ: Final = "read"
WORK: Final = "work"
OPERATE: Final = "operate"
# Each may do what those before it may.
SCOPES: Final = (READ, WORK, OPERATE)
# What each lets do, for who chooses one.
ABOUT: Final = (
    "read: look at everything; work: claim, renew and end cards, comment and create as well;"
    " operate: everything a token may, also on what others hold"
)

_READ: Final = (
    *("list", "show", "search", "history", "tail", "runs", "output", "context", "explain"),
    *("stats", "paused", "limits", "budgets", "doctor", "check", "export", "roles", "role"),
    *("graph", "repeats", "north-star", "north-star/proposals", "escalations", "decisions"),
    *("signals", "plan/export", "verdicts", "gates", "worker/list"),
)
_WORK: Final = (
    *("claim", "renew", "complete", "block", "release", "keep-output", "comment", "create"),
    "escalate",
    *("signal", "verify", "request-changes", "decide", "heartbeat", "north-star/propose"),
)
_OPERATE: Final = (
    *("edit", "link", "unlink", "delete", "drop", "archive", "reclaim", "cancel", "unblock"),
    *("reopen", "import", "plan/apply", "plan/publish", "repeat", "pause", "resume", "limit"),
    *("unlimit", "budget", "unbudget", "gate", "ungate", "ack", "resolve", "sweep"),
    *("north-star/ratify", "north-star/veto", "worker/add", "worker/remove"),
    *("webhook/add", "webhook/list", "webhook/remove", "webhook/test", "webhook/deliveries"),
    *("webhook/rotate", "webhook/enable", "webhook/resend", "notify/add"),
)
# The scope that a verb needs, by its name as `remote.calls` has it.
NEEDED: Final = {
    **dict.fromkeys(_READ, READ),
    **dict.fromkeys(_WORK, WORK),
    **dict.fromkeys(_OPERATE, OPERATE),
}


def only_reads(name: str) -> bool:
    """Whether the verb changes nothing."""
    return NEEDED[name] == READ


def allows(scope: str, name: str) -> bool:
    """Whether a token of this scope may do the verb."""
    return SCOPES.index(NEEDED[name]) <= SCOPES.index(scope)
