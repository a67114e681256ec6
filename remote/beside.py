"""What calls over the wire add to the backlog's: a chore of `sweep`."""

from backlog.verbs import beside


def join() -> None:
    """From now on, in this process."""
    beside.CHORES["answers"] = "remote.verbs.answers.forget"
