"""Send what is in the outbox: in the order in which it was written, each until it has arrived.

While a server is waited for, no transaction is open. One sweep at a time sends to a subscription: a
lease, which the next message renews, and which lapses if the sweep is killed. Before a message is
sent its next try is written down already, so whatever becomes of the sweep, the message comes back.
"""

import time
from collections.abc import Iterator
from datetime import datetime
from typing import Final, NamedTuple

from backlog.errors import NotFound, UsageError
from backlog.records import one_line
from backlog.session import Session
from hooks import payload
from hooks.addresses import target
from hooks.notifying import notify
from hooks.post import Answer, headers, post
from hooks.verbs.failing import FAILING_DAYS
from hooks.verbs.outbox import forget
from hooks.words import WEBHOOK

# Seconds until the next try, after each that failed: the schedule of Standard Webhooks.
PAUSES: Final = (5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400)
MOST_TRIES: Final = len(PAUSES) + 1
# Longer than any try takes.
_LEASE_SECONDS: Final = 60
# The most messages to one subscription before others have their turn.
_BATCH: Final = 1000

_TAKE: Final = f"""
WITH free AS MATERIALIZED (
    SELECT id FROM hooks_subscription AS subscription
    WHERE (busy_until IS NULL OR busy_until <= now()) AND off_at IS NULL AND NOT id = ANY (%s)
    AND EXISTS (
        SELECT FROM hooks_delivery WHERE subscription_id = subscription.id AND next_at <= now())
    ORDER BY id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE hooks_subscription AS subscription SET
    busy_until = now() + interval '{_LEASE_SECONDS} seconds', turn = turn + 1
FROM free WHERE subscription.id = free.id
RETURNING subscription.id, kind, url, turn"""

# The lease, the message, and when it is tried again if nothing is heard of this: one statement.
# What signs, too: a secret that was taken away meanwhile signs nothing more.
_BEGIN: Final = f"""
WITH mine AS (
    UPDATE hooks_subscription SET busy_until = now() + interval '{_LEASE_SECONDS} seconds'
    WHERE id = %s AND turn = %s AND off_at IS NULL RETURNING id, secret
), due AS MATERIALIZED (
    SELECT delivery.id, mine.secret || ARRAY(
        SELECT old.secret FROM hooks_old_secret AS old
        WHERE old.subscription_id = mine.id AND until > now() ORDER BY old.id DESC) AS secrets
    FROM hooks_delivery AS delivery JOIN mine ON subscription_id = mine.id
    WHERE next_at <= now() AND delivery.id > %s ORDER BY delivery.id LIMIT 1
)
UPDATE hooks_delivery AS delivery SET attempts = attempts + 1, tried_at = now(),
    next_at = now() + make_interval(secs => (%s::float8[])[least(attempts + 1, {len(PAUSES)})]
        * (1 + random() / 10))
FROM due WHERE delivery.id = due.id
RETURNING delivery.id, 'msg_' || replace(key::text, '-', ''), type, at, attempts, secrets"""

# What came of the try, and what that makes of the subscription. Its row is locked first, as by
# whoever removes it.
_END: Final = f"""
WITH mine AS MATERIALIZED (
    SELECT id FROM hooks_subscription WHERE id = %s FOR NO KEY UPDATE
), ended AS (
    UPDATE hooks_delivery AS delivery SET answered = said.status, error = said.error,
        delivered_at = CASE WHEN said.error IS NULL THEN now() END,
        next_at = CASE WHEN said.error IS NOT NULL AND attempts < {MOST_TRIES} THEN next_at END
    FROM mine, (VALUES (%s::integer, %s::text)) AS said (status, error)
    WHERE delivery.id = %s AND subscription_id = mine.id AND attempts = %s
    RETURNING subscription_id, said.error, next_at IS NULL AND delivered_at IS NULL AS dead
), over AS (
    SELECT ended.*, dead AND failing_since <= now() - interval '{FAILING_DAYS} days' AS off
    FROM ended JOIN hooks_subscription ON id = subscription_id
)
UPDATE hooks_subscription SET
    delivered = delivered + (error IS NULL)::integer,
    failed = failed + (error IS NOT NULL)::integer,
    failing_since = CASE WHEN error IS NOT NULL THEN coalesce(failing_since, now()) END,
    off_at = CASE WHEN off THEN now() ELSE off_at END,
    off_why = CASE WHEN off THEN error ELSE off_why END
FROM over WHERE id = subscription_id"""

_LET_GO: Final = "UPDATE hooks_subscription SET busy_until = NULL WHERE id = %s AND turn = %s"


class _Taken(NamedTuple):
    """A subscription whose messages this sweep sends, until somebody else has the next `turn`."""

    id: int
    kind: str
    url: str
    turn: int


class _Try(NamedTuple):
    """A message that is about to be sent, which is try number `attempts`; signed by each of the
    secrets."""

    id: int
    key: str
    kind: str
    at: datetime
    attempts: int
    secrets: list[str]


def waits(session: Session) -> bool:
    """Whether anything is due now, of a subscription that is not switched off."""
    sql = """
        SELECT EXISTS (SELECT FROM hooks_subscription AS subscription
            WHERE off_at IS NULL AND EXISTS (SELECT FROM hooks_delivery
                WHERE subscription_id = subscription.id AND next_at <= now()))"""
    return bool(session.rows(sql)[0][0])


def deliver(session: Session) -> list[str]:
    """Send all that is due and that nobody else sends; the numbers of what arrived.

    A subscription whose server fails has its turn again in the next sweep, with the next message;
    once nothing has arrived for `FAILING_DAYS` and a message dies, it is switched off.
    """
    forget(session)
    done: list[int] = []
    arrived: list[str] = []
    while rows := session.rows(_TAKE, (done,)):
        taken = _Taken._make(rows[0])
        done.append(taken.id)
        arrived += map(str, _send_all(session, taken))
        session.execute(_LET_GO, (taken.id, taken.turn))
    return arrived


def _send_all(session: Session, to: _Taken) -> Iterator[int]:
    """The numbers of what arrives, until something does not: then the others have their turn."""
    last = 0
    for _ in range(_BATCH):
        rows = session.rows(_BEGIN, (to.id, to.turn, last, list(PAUSES)))
        if not rows:
            return
        each = _Try._make(rows[0])
        last = each.id
        try:
            answer = _sent(session, to, each)
        except NotFound:  # somebody has removed the subscription
            return
        error = None if answer.error is None else one_line(answer.error)
        session.execute(_END, (to.id, answer.status, error, each.id, each.attempts))
        if error is not None:
            return
        yield each.id


def _sent(session: Session, to: _Taken, each: _Try) -> Answer:
    said = payload.message(session, each.id, each.kind, each.at)
    try:
        if to.kind != WEBHOOK:
            return notify(to.url, said.title, said.text)
        head = headers(each.secrets, each.key, time.time(), said.json)
        return post(target(to.url), said.json, head)
    except UsageError as refusal:  # it was allowed when it was added
        return Answer(None, str(refusal))
