"""What a monitoring system is told of webhooks and notifications, each by its number."""

from typing import Final

from backlog.session import Session
from backlog.verbs.figures import COUNTER, GAUGE, Figure
from hooks.words import DEAD, DELIVERED, WAITING

# What waits is in an index by its subscription, and so is the first of it. Tries are counted where
# they are made: messages are forgotten.
_FIGURES: Final = """
SELECT subscription.id, kind, delivered, failed, off_at IS NOT NULL,
    (SELECT count(*) FROM hooks_delivery
        WHERE subscription_id = subscription.id AND next_at IS NOT NULL),
    coalesce(dead.number, 0),
    (SELECT extract(epoch FROM now() - at) FROM hooks_delivery
        WHERE subscription_id = subscription.id AND next_at IS NOT NULL ORDER BY id LIMIT 1)
FROM hooks_subscription AS subscription LEFT JOIN (
    SELECT subscription_id, count(*) AS number FROM hooks_delivery
    WHERE next_at IS NULL AND delivered_at IS NULL GROUP BY subscription_id
) AS dead ON subscription_id = subscription.id
ORDER BY subscription.id"""

_WHICH: Final = ("webhook", "kind")
_Samples = dict[tuple[str, ...], float]


def figures(session: Session) -> list[Figure]:
    """What waits and what is dead, how long at most, how tries ended, and what is switched off."""
    messages: _Samples = {}
    tries: _Samples = {}
    oldest: _Samples = {}
    off: _Samples = {}
    for number, kind, delivered, failed, is_off, waiting, dead, age in session.rows(_FIGURES):
        which = str(number), kind
        messages |= {(*which, WAITING): waiting, (*which, DEAD): dead}
        tries |= {(*which, DELIVERED): delivered, (*which, "failed"): failed}
        oldest[which] = 0.0 if age is None else max(0.0, float(age))
        off[which] = float(is_off)
    by_state, by_outcome = (*_WHICH, "state"), (*_WHICH, "outcome")
    told = "Messages that wait, and those that are not tried again."
    since = "Since what the oldest message that waits tells has happened; 0: none waits."
    ends = "Tries to send a message, by what came of them."
    why = "1: it is switched off, for nothing arrived for days."
    return [
        Figure(GAUGE, "backlog_webhook_messages", told, by_state, messages),
        Figure(GAUGE, "backlog_webhook_oldest_waiting_seconds", since, _WHICH, oldest),
        Figure(COUNTER, "backlog_webhook_tries", ends, by_outcome, tries),
        Figure(GAUGE, "backlog_webhook_off", why, _WHICH, off),
    ]
