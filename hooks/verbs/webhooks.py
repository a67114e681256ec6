"""Who is told of what: subscriptions, by webhook or by what apprise knows."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, Refusal, UsageError
from backlog.session import ACTOR, Session, in_statement, in_transaction
from hooks import addresses
from hooks.verbs import phases
from hooks.words import (
    EVENTS,
    LONGEST_URL,
    MOST_SUBSCRIPTIONS,
    NOTIFICATION,
    PHASE_DONE,
    TEST,
    WEBHOOK,
)

_COLUMNS: Final = "id, kind, url, events::text, phase, actor, since"
_WHO: Final = "coalesce(nullif(%s, ''), session_user)"


class Subscription(NamedTuple):
    """One: its `url` without what may be a secret (`addresses.shown`); of the phase alone, if it
    has one."""

    id: int
    kind: str
    url: str
    events: list[str]
    phase: str | None
    actor: str
    since: datetime


class Added(NamedTuple):
    """One that is new, with what signs for it: said here and never again. None of a notification,
    which is not signed."""

    id: int
    kind: str
    url: str
    events: list[str]
    phase: str | None
    actor: str
    since: datetime
    secret: str | None


def events(value: str | Sequence[str]) -> list[str]:
    """Names of events, once each; at commas if it is one text. Raises `UsageError`."""
    names = value.split(",") if isinstance(value, str) else value
    given = [values.one_of(each.strip(), "event", EVENTS) for each in names]
    return list(dict.fromkeys(given))


def add_webhook(
    session: Session, url: str, of: str | Sequence[str], phase: str | None = None
) -> Added:
    """Post what happens to this URL from now on, signed. Raises `UsageError`, `Refusal`."""
    from hooks.post import new_secret

    addresses.target(url)
    return _add(session, WEBHOOK, url, new_secret(), events(of), phase)


def add_notification(
    session: Session, url: str, of: str | Sequence[str], phase: str | None = None
) -> Added:
    """Tell it by this URL of apprise's from now on.

    Raises `UsageError`; `Refusal` if apprise is not installed.
    """
    from hooks.notifying import check

    if len(url) > LONGEST_URL:
        raise UsageError(f"URL must be up to {LONGEST_URL} characters")
    check(values.line(url, "URL"))
    return _add(session, NOTIFICATION, url, None, events(of), phase)


@in_transaction
def _add(session: Session, *given: Any) -> Added:
    kind, url, secret, of, phase = given
    (count,) = session.execute("SELECT count(*) FROM hooks_subscription").fetchone()
    if count >= MOST_SUBSCRIPTIONS:
        raise Refusal(f"there are {count} subscriptions, and may be no more: `webhook remove`")
    if PHASE_DONE in of:
        phases.look(session)  # what is done by now is told to those who wanted it before
    sql = f"""
        INSERT INTO hooks_subscription (kind, url, secret, events, phase, actor)
        VALUES (%s, %s, %s, %s, %s, {_WHO}) RETURNING {_COLUMNS}"""
    params = (kind, url, secret, json.dumps(of), phase, ACTOR.get())
    return Added(*_subscription(session.execute(sql, params).fetchone()), secret)


def subscriptions(session: Session) -> list[Subscription]:
    """All of them, oldest first."""
    sql = f"SELECT {_COLUMNS} FROM hooks_subscription ORDER BY id"
    return [_subscription(row) for row in session.execute(sql).fetchall()]


@in_transaction
def remove(session: Session, number: int) -> Subscription:
    """It is told nothing more, and what it was told is forgotten. Raises `NotFound`."""
    sql = f"DELETE FROM hooks_subscription WHERE id = %s RETURNING {_COLUMNS}"
    row = session.execute(sql, (number,)).fetchone()
    if row is None:
        raise _missing(number)
    session.execute("DELETE FROM hooks_delivery WHERE subscription_id = %s", (number,))
    return _subscription(row)


@in_statement
def test(session: Session, number: int) -> int:
    """Put a message into the outbox that says nothing; its number. Raises `NotFound`."""
    sql = f"""
        INSERT INTO hooks_delivery (subscription_id, type, at, data)
        SELECT id, '{TEST}', statement_timestamp(), jsonb_build_object('actor', {_WHO})
        FROM hooks_subscription WHERE id = %s RETURNING id"""
    row = session.execute(sql, (ACTOR.get(), number)).fetchone()
    if row is None:
        raise _missing(number)
    return int(row[0])


def _subscription(row: Any) -> Subscription:
    number, kind, url, of, *rest = row
    return Subscription(number, kind, addresses.shown(url), json.loads(of), *rest)


def _missing(number: int) -> NotFound:
    return NotFound(f"there is no webhook {number}; `webhook list` has those there are")
