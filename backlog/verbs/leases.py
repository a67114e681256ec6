"""Leases: how long a card is held, and how it is given back or taken back."""

from datetime import datetime
from typing import Any

from backlog import lifecycle, values
from backlog.lifecycle import CLAIMED
from backlog.records import Record
from backlog.session import TELLING, Session, in_statement, telling
from backlog.verbs.claims import EVERYTHING, Scope
from backlog.verbs.moves import (
    NOTHING_SAID,
    Expected,
    existing,
    move_card,
    stale,
    transition,
)
from backlog.verbs.runs import Report


def release(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    *,
    delay: int | None = None,
    seen: datetime | None = None,
    report: Report = NOTHING_SAID,
) -> Record:
    """Give a claimed card back; with `delay`, it is claimable after so many seconds only.

    After its last attempt (`max_attempts`) it is blocked instead. Raises `NotFound`,
    `WrongState`, `ClaimLost`, `Stale`.
    """
    changes = "status = 'ready'"
    params: tuple[Any, ...] = ()
    if delay is not None:
        changes += ", not_before = clock_timestamp() + make_interval(secs => %s)"
        params = (values.at_least(delay, "delay", 0),)
    expected = Expected(owner, attempt, seen)
    # Said, not inferred: a lease that is over is still given back by whoever says so.
    said = report._replace(outcome=report.outcome or "released").text(card_id, back=True)
    return existing(
        card_id,
        transition(session, lifecycle.RELEASE, card_id, expected, said, (changes, params)),
    )


def renew(
    session: Session,
    card_id: str,
    owner: str | None = None,
    attempt: int | None = None,
    ttl: int | None = None,
) -> Record:
    """Extend the lease to `ttl` seconds from now (None: as long as before). As `release`.

    A lease that is over may still be renewed while nobody has reclaimed the card. One whose card
    was cancelled raises `Cancelled`. `updated_at` stays: a heartbeat is no change of the card.
    """
    ttl = None if ttl is None else values.ttl(ttl)
    changes = (
        "claimed_at = clock_timestamp(), claim_ttl_seconds = coalesce(%s, {row}.claim_ttl_seconds)"
    )
    expected = Expected(owner, attempt)
    return existing(
        card_id, transition(session, lifecycle.RENEW, card_id, expected, "", (changes, (ttl,)))
    )


@in_statement
def reclaim(session: Session, scope: Scope = EVERYTHING) -> list[str]:
    """Return every card whose lease is over to the pool; their ids, in order.

    A card that somebody is changing at this moment (renewing, completing) is left to them; one that
    has had its last attempt is blocked instead.
    """
    condition, params = scope
    sql = f"""
        WITH expired AS MATERIALIZED (
            SELECT id FROM backlog WHERE claim_expires_at <= now(){condition}
            ORDER BY id FOR NO KEY UPDATE SKIP LOCKED
        )
        UPDATE backlog SET status = 'ready' FROM expired
        WHERE backlog.id = expired.id AND {TELLING} IS NOT NULL RETURNING backlog.id"""
    rows = session.execute(
        sql, (*params, *telling(report=Report().text(None, back=True)))
    ).fetchall()
    return sorted(row[0] for row in rows)


def reclaim_card(session: Session, card_id: str, *, seen: datetime | None = None) -> list[str]:
    """Return this card to the pool if it is claimed, whatever its lease; its id, or nothing.

    Raises `Stale`.
    """
    condition, given = Expected(seen=seen).conditions((CLAIMED,))
    wanted = (*given, *telling(report=Report().text(card_id, "reclaim", back=True)))
    moved, card = move_card(session, card_id, "status = 'ready'", (), condition, wanted)
    if not moved and card is not None and seen not in (None, card.updated_at):
        raise stale(card)
    return [card_id] if moved else []
