"""Who is asked whether a verb may be done, once rights are enforced."""

from backlog.verbs.rights import Ask
from fleet.enforced import are_enforced


def guard(verb: str) -> Ask | None:
    """Whom to ask about this verb, for `backlog.verbs.rights.guard`. Raises `UsageError`."""
    if not are_enforced():
        return None
    from fleet.verbs import rights

    return rights.ask if verb in rights.GUARDED else None
