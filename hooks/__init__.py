"""What the backlog tells others: webhooks and notifications, from an outbox.

Whoever uses it needs its tables, too.
"""

from backlog.watched import APPS

APPS.add("hooks")
