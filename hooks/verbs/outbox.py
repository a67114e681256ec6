"""The outbox: what is to be sent, what was, and what could not be."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog.errors import NotFound
from backlog.lifecycle import FLEET
from backlog.session import Session, in_pages, in_statement
from backlog.verbs.findings import Finding, command
from hooks.verbs.failing import refuse_off
from hooks.words import DEAD, DELIVERED, PHASE_DONE, WAITING

# What has arrived, or never will, is kept for so long.
KEPT_DAYS: Final = 30

_IS_DEAD: Final = "next_at IS NULL AND delivered_at IS NULL"
_STATE: Final = f"""CASE WHEN delivered_at IS NOT NULL THEN '{DELIVERED}'
    WHEN next_at IS NULL THEN '{DEAD}' ELSE '{WAITING}' END"""
# What it is about: the card, or the phase.
_ABOUT: Final = """coalesce(data -> 'card' ->> 'id', data -> 'escalation' ->> 'card_id',
    data -> 'rule' ->> 'name', data ->> 'phase')"""
_COLUMNS: Final = f"""id, 'msg_' || replace(key::text, '-', '') AS message, subscription_id, type,
    nullif({_ABOUT}, '') AS about, at, {_STATE} AS state, attempts, tried_at, next_at, answered,
    error"""

# What waits is forgotten, too, if its subscription is gone or switched off.
_FORGET: Final = f"""
DELETE FROM hooks_delivery WHERE at < now() - interval '{KEPT_DAYS} days'
    AND (next_at IS NULL
        OR subscription_id NOT IN (SELECT id FROM hooks_subscription WHERE off_at IS NULL))"""

_FORGET_SECRETS: Final = "DELETE FROM hooks_old_secret WHERE until <= now()"


class Delivery(NamedTuple):
    """A message to one subscription. `message`: its id as the receiver sees it, the same at each
    try; `about`: the card or the phase, None if it is neither; `answered`: the HTTP status of the
    last try, `error`: what was wrong with it."""

    id: int
    message: str
    webhook: int
    type: str
    about: str | None
    at: datetime
    state: str
    attempts: int
    tried_at: datetime | None
    next_at: datetime | None
    answered: int | None
    error: str | None

    @property
    def card(self) -> str | None:
        """The id of the card that it is about."""
        return self.about if self.type.startswith(("card.", "escalation.")) else None

    @property
    def phase(self) -> str | None:
        """The phase that it is about."""
        return self.about if self.type in ("budget.spent", PHASE_DONE) else None


def deliveries(
    session: Session, webhook: int | None = None, *, dead: bool = False, newest: int | None = None
) -> Iterator[Delivery]:
    """Oldest first; of one `webhook` only, only the `dead` ones, only the `newest` so many."""
    sql = f"""
        SELECT {_COLUMNS} FROM (
            SELECT * FROM hooks_delivery
            WHERE (%s::bigint IS NULL OR subscription_id = %s) {f"AND {_IS_DEAD}" if dead else ""}
            ORDER BY id DESC LIMIT %s
        ) AS delivery ORDER BY id"""
    return map(Delivery._make, in_pages(session, sql, (webhook, webhook, newest)))


def delivery(session: Session, number: int) -> Delivery:
    """The one of this number. Raises `NotFound`."""
    sql = f"SELECT {_COLUMNS} FROM hooks_delivery WHERE id = %s"
    for row in session.rows(sql, (number,)):
        return Delivery._make(row)
    raise _missing(number)


@in_statement
def resend(session: Session, number: int) -> Delivery:
    """Have the next sweep send it, under the same id, and as often again. Raises `NotFound`, and
    `WrongState` if its webhook is switched off."""
    refuse_off(session, delivery(session, number).webhook)
    for each in _resent(session, "id = %s", number):
        return each
    raise _missing(number)


@in_statement
def resend_dead(session: Session, webhook: int) -> list[Delivery]:
    """All that is dead of this webhook, as `resend`."""
    refuse_off(session, webhook)
    return _resent(session, f"{_IS_DEAD} AND subscription_id = %s", webhook)


def forget(session: Session) -> None:
    """Forget what has been over for `KEPT_DAYS`, or has waited as long for who is switched off; and
    secrets that sign nothing any more."""
    session.execute(_FORGET)
    session.execute(_FORGET_SECRETS)


def findings(session: Session) -> Iterator[Finding]:
    """For the doctor: that some could not be delivered."""
    sql = f"SELECT count(*) FROM (SELECT FROM hooks_delivery WHERE {_IS_DEAD} LIMIT 1000) AS few"
    (count,) = session.rows(sql)[0]
    if count:
        messages = "1 message was" if count == 1 else f"{count} messages were"
        said = f"{messages} not delivered, and will not be tried again"
        yield Finding(
            "undelivered",
            said,
            command("webhook", "deliveries", "--dead"),
            scope=FLEET,
            count=count,
        )


def _missing(number: int) -> NotFound:
    return NotFound(f"there is no delivery {number}; `webhook deliveries` has those there are")


def _resent(session: Session, where: str, *params: Any) -> list[Delivery]:
    sql = f"""
        UPDATE hooks_delivery SET attempts = 0, next_at = now(), delivered_at = NULL
        WHERE {where} RETURNING {_COLUMNS}"""
    return sorted(map(Delivery._make, session.rows(sql, params)))
