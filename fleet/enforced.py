"""Whether rights are enforced: as long as they are not, nothing else of them is even read."""

from backlog import switches


def are_enforced() -> bool:
    """Whether what a role may not do is refused. Raises `UsageError`."""
    return switches.is_on("BACKLOG_ENFORCE_ROLES")
