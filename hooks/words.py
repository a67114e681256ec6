"""The words of webhooks: no SQL, no Django."""

from typing import Final

# What can be subscribed to: the `type` of what is sent. Triggers (`migrations/0001_initial.sql`)
# write all but the last, which a sweep sees.
EVENTS: Final = (
    *("card.blocked", "card.expired", "card.attempts_exhausted"),
    *("escalation.raised", "budget.spent", "claims.paused", "phase.done"),
)
PHASE_DONE: Final = "phase.done"
# What `webhook test` sends, to that one alone.
TEST: Final = "webhook.test"

# How what is subscribed is sent: by an HTTP request, or by apprise.
WEBHOOK: Final = "webhook"
NOTIFICATION: Final = "notify"
KINDS: Final = (WEBHOOK, NOTIFICATION)

# How far a delivery is.
WAITING: Final = "waiting"
DELIVERED: Final = "delivered"
DEAD: Final = "dead"

# The most subscriptions that there may be, and the longest URL of one.
MOST_SUBSCRIPTIONS: Final = 100
LONGEST_URL: Final = 2000

# For how many hours the old secret signs as well after a rotation, unless told otherwise, and at
# most; and how many old secrets of a webhook at once.
OLD_HOURS: Final = 24
MOST_OLD_HOURS: Final = 720
MOST_OLD_SECRETS: Final = 5
