"""Who is told of what: subscriptions, by webhook or by apprise."""

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import Refusal, UsageError, WrongState
from backlog.session import ACTOR, Session, in_statement, in_transaction
from hooks import addresses
from hooks.verbs import phases
from hooks.verbs.failing import missing, refuse_off
from hooks.words import (
    EVENTS,
    LONGEST_URL,
    MOST_OLD_HOURS,
    MOST_OLD_SECRETS,
    MOST_SUBSCRIPTIONS,
    NOTIFICATION,
    OLD_HOURS,
    PHASE_DONE,
    TEST,
    WEBHOOK,
)

_COLUMNS: Final = """id, kind, url, events::text, phase, actor, since,
    failing_since, off_at, off_why, (SELECT max(until) FROM hooks_old_secret
        WHERE subscription_id = hooks_subscription.id AND until > now())"""
_ON: Final = """
UPDATE hooks_subscription SET off_at = NULL, off_why = NULL, failing_since = NULL
WHERE id = %s AND off_at IS NOT NULL"""
_AGAIN: Final = """
UPDATE hooks_delivery SET attempts = 0, next_at = now()
WHERE subscription_id = %s AND next_at IS NOT NULL"""
_WHO: Final = "coalesce(nullif(%s, ''), session_user)"


class Subscription(NamedTuple):
    """One: its `url` without what may be a secret (`addresses.shown`); of the phase alone, if it
    has one.

    `failing_since`: nothing has arrived from then on; `off_at`, `off_why`: since when it is
    switched off, and what the last try said; `old_until`: until then an old secret signs, too.
    """

    id: int
    kind: str
    url: str
    events: list[str]
    phase: str | None
    actor: str
    since: datetime
    failing_since: datetime | None
    off_at: datetime | None
    off_why: str | None
    old_until: datetime | None


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


class Rotated(NamedTuple):
    """A webhook with a new secret: said here and never again. `old_until`: until then what is sent
    is signed by the secret of before, too; None: it is not."""

    id: int
    kind: str
    url: str
    secret: str
    old_until: datetime | None


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
def _add(
    session: Session, kind: str, url: str, secret: str | None, of: list[str], phase: str | None
) -> Added:
    (count,) = session.execute("SELECT count(*) FROM hooks_subscription").fetchone()
    if count >= MOST_SUBSCRIPTIONS:
        raise Refusal(f"there are {count} subscriptions, and may be no more: `webhook remove`")
    if PHASE_DONE in of:
        phases.look(session)  # what is done by now is told to those who wanted it before
    sql = f"""
        INSERT INTO hooks_subscription (kind, url, secret, events, phase, actor)
        VALUES (%s, %s, %s, %s, %s, {_WHO}) RETURNING {_COLUMNS}"""
    params = (kind, url, secret, json.dumps(of), phase, ACTOR.get())
    made = _subscription(session.execute(sql, params).fetchone())
    return Added._make(getattr(made, name, secret) for name in Added._fields)


def subscriptions(session: Session) -> list[Subscription]:
    """All of them, oldest first."""
    sql = f"SELECT {_COLUMNS} FROM hooks_subscription ORDER BY id"
    return [_subscription(row) for row in session.execute(sql).fetchall()]


def subscription(session: Session, number: int) -> Subscription:
    """The one of this number. Raises `NotFound`."""
    sql = f"SELECT {_COLUMNS} FROM hooks_subscription WHERE id = %s"
    for row in session.execute(sql, (number,)).fetchall():
        return _subscription(row)
    raise missing(number)


@in_transaction
def remove(session: Session, number: int) -> Subscription:
    """It is told nothing more, and what it was told is forgotten. Raises `NotFound`."""
    sql = f"DELETE FROM hooks_subscription WHERE id = %s RETURNING {_COLUMNS}"
    row = session.execute(sql, (number,)).fetchone()
    if row is None:
        raise missing(number)
    session.execute("DELETE FROM hooks_delivery WHERE subscription_id = %s", (number,))
    session.execute("DELETE FROM hooks_old_secret WHERE subscription_id = %s", (number,))
    return _subscription(row)


@in_transaction
def rotate(session: Session, number: int, hours: int = OLD_HOURS) -> Rotated:
    """Sign by a new secret from now on, and for so many hours by that of before, too; for 0 by no
    other, whatever a rotation before this one has left.

    Raises `NotFound`; `WrongState` for a notification, which is not signed, and where so many old
    ones sign already that one more would be too many.
    """
    from hooks.post import new_secret

    values.between(hours, "hours", 0, MOST_OLD_HOURS)
    sql = "SELECT kind, url, secret FROM hooks_subscription WHERE id = %s FOR NO KEY UPDATE"
    row = session.execute(sql, (number,)).fetchone()
    if row is None:
        raise missing(number)
    kind, url, secret = row
    if secret is None:
        raise WrongState(f"{number} is a notification: what is sent to it is not signed")
    until = _keep_old(session, number, secret, hours)
    made = new_secret()
    sql = "UPDATE hooks_subscription SET secret = %s WHERE id = %s"
    session.execute(sql, (made, number))
    return Rotated(number, kind, addresses.shown(url), made, until)


def _keep_old(session: Session, number: int, secret: str, hours: int) -> datetime | None:
    sql = "DELETE FROM hooks_old_secret WHERE subscription_id = %s AND (until <= now() OR %s = 0)"
    session.execute(sql, (number, hours))
    if not hours:
        return None
    sql = "SELECT count(*) FROM hooks_old_secret WHERE subscription_id = %s"
    (count,) = session.execute(sql, (number,)).fetchone()
    if count >= MOST_OLD_SECRETS:
        raise WrongState(
            f"{count} old secrets of webhook {number} sign already: wait until they end,"
            " or end them with --hours 0"
        )
    sql = """
        INSERT INTO hooks_old_secret (subscription_id, secret, until)
        VALUES (%s, %s, now() + make_interval(hours => %s)) RETURNING until"""
    until: datetime = session.execute(sql, (number, secret, hours)).fetchone()[0]
    return until


@in_transaction
def enable(session: Session, number: int) -> Subscription:
    """Send to it again, if it was switched off, and what waits for it. Raises `NotFound`."""
    if session.execute(_ON, (number,)).rowcount:
        session.execute(_AGAIN, (number,))
    return subscription(session, number)


@in_statement
def test(session: Session, number: int) -> int:
    """Put a message into the outbox that says nothing. Returns its number. Raises `NotFound`, and
    `WrongState` if the webhook is switched off."""
    refuse_off(session, number)
    sql = f"""
        INSERT INTO hooks_delivery (subscription_id, type, at, data)
        SELECT id, '{TEST}', statement_timestamp(), jsonb_build_object('actor', {_WHO})
        FROM hooks_subscription WHERE id = %s RETURNING id"""
    row = session.execute(sql, (ACTOR.get(), number)).fetchone()
    if row is None:
        raise missing(number)
    return int(row[0])


def _subscription(row: Any) -> Subscription:
    number, kind, url, of, *rest = row
    return Subscription(number, kind, addresses.shown(url), json.loads(of), *rest)
