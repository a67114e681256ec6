"""Whether rights are enforced: as long as they are not, nothing else of them is even read."""

from backlog import switches
from backlog.verbs.rights import Ask


def are_enforced() -> bool:
    """Whether what a role may not do is refused. Raises `UsageError`."""
    return switches.is_on("BACKLOG_ENFORCE_ROLES")


def guard(verb: str) -> Ask | None:
    """Whom to ask about this verb, for `backlog.verbs.rights.guard`. Raises `UsageError`."""
    if not are_enforced():
        return None
    from fleet.verbs import rights

    return rights.ask if verb in rights.GUARDED else None
