"""Whether rights are enforced: as long as they are not, nothing else of them is even read."""

import os

from backlog import values
from backlog.verbs.rights import Ask

ENFORCE = "BACKLOG_ENFORCE_ROLES"


def are_enforced() -> bool:
    """Whether what a role may not do is refused. Raises `UsageError`."""
    said = os.environ.get("BACKLOG_ENFORCE_ROLES", "").strip()
    return bool(said) and values.switch(said, ENFORCE)


def guard(verb: str) -> Ask | None:
    """Whom to ask about this verb, for `backlog.verbs.rights.guard`. Raises `UsageError`."""
    if not are_enforced():
        return None
    from fleet.verbs import rights

    return rights.ask if verb in rights.GUARDED else None
