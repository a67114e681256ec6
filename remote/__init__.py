"""The backlog over the wire: who may call (tokens), the HTTP API, its client, the MCP server.

Whoever uses it needs its tables, too.
"""

from backlog.verbs import beside
from backlog.watched import APPS

APPS.add("remote")


def join() -> None:
    """From now on `sweep` forgets the answers that were kept long enough, in this process."""
    beside.CHORES["answers"] = "remote.verbs.answers.forget"
