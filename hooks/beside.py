"""What webhooks add to the backlog's: what `sweep` sends, and what `doctor` finds."""

from backlog.verbs import beside
from backlog.verbs.beside import Kind, Outside


def join() -> None:
    """From now on, in this process."""
    beside.CHORES["phases"] = "hooks.verbs.phases.tell"
    beside.OUTSIDE["delivered"] = Outside(
        "hooks.verbs.deliver.waits", "hooks.verbs.deliver.deliver"
    )
    beside.KINDS["undelivered"] = Kind(
        "hooks.verbs.outbox.findings",
        "Not delivered",
        "Somebody was to be told, and could not be for three days.",
    )
