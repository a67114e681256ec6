"""What the backlog tells others: webhooks and notifications, from an outbox that `sweep` sends.

Whoever uses it needs its tables, too. One module, because every command imports it.
"""

from backlog.verbs import beside
from backlog.verbs.beside import Kind, Outside
from backlog.watched import APPS

APPS.add("hooks")

_PAGE = ("webhooks", "Webhooks")


def join() -> None:
    """What the backlog does from now on in this process, it tells others."""
    beside.CHORES["phases"] = "hooks.verbs.phases.tell"
    beside.OUTSIDE["delivered"] = Outside(
        "hooks.verbs.deliver.waits", "hooks.verbs.deliver.deliver"
    )
    beside.KINDS["undelivered"] = Kind(
        "hooks.verbs.outbox.findings",
        "Not delivered",
        "Somebody was to be told, and could not be for three days.",
        _PAGE,
    )
    beside.KINDS["webhook_off"] = Kind(
        "hooks.verbs.failing.findings",
        "Switched off",
        "Nothing had arrived for days; what happens waits until somebody switches them on.",
        _PAGE,
    )
    beside.FIGURES["hooks"] = "hooks.verbs.figures.figures"
