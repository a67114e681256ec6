"""Subscriptions that are switched off, since nothing had arrived there for days."""

from collections.abc import Iterator
from typing import Final

from backlog.errors import NotFound, WrongState
from backlog.records import iso
from backlog.session import Session
from backlog.verbs.findings import Finding, command
from hooks.addresses import shown
from hooks.words import WEBHOOK

# A message that dies ends it, if nothing has arrived for so long: longer than one is tried.
FAILING_DAYS: Final = 5

_OFF: Final = """
SELECT id, kind, url, off_at, off_why, (
    SELECT count(*) FROM (
        SELECT FROM hooks_delivery WHERE subscription_id = subscription.id AND next_at IS NOT NULL
        LIMIT 1000) AS few)
FROM hooks_subscription AS subscription WHERE off_at IS NOT NULL ORDER BY id"""


def missing(number: int) -> NotFound:
    """The refusal of a number that no webhook has."""
    return NotFound(f"there is no webhook {number}; `webhook list` has those there are")


def refuse_off(session: Session, number: int) -> None:
    """Raise `WrongState` for one that is switched off: nothing would go out to it."""
    sql = "SELECT FROM hooks_subscription WHERE id = %s AND off_at IS NOT NULL"
    if session.execute(sql, (number,)).fetchone() is not None:
        raise WrongState(
            f"webhook {number} is switched off, so nothing is sent to it:"
            f" `webhook enable --webhook {number}` first"
        )


def findings(session: Session) -> Iterator[Finding]:
    """For the doctor: who is told nothing, since when and why, and how much waits."""
    for number, kind, url, at, why, count in session.execute(_OFF).fetchall():
        waiting = {0: "nothing waits", 1: "1 message waits"}.get(count, f"{count} messages wait")
        yield Finding(
            "webhook_off",
            f"{kind} to {shown(url)}, switched off since {iso(at)}: nothing had arrived for"
            f" {FAILING_DAYS} days ({why}); {waiting} for it",
            command("webhook", "enable", "--webhook", str(number)),
            scope=WEBHOOK,
            name=str(number),
            reason=why,
            count=count,
        )
