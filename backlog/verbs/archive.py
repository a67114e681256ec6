"""Archiving: done cards leave lists and the board, and stay done; `reopen` brings them back."""

from datetime import datetime
from typing import Final

from backlog import values
from backlog.errors import WrongState
from backlog.lifecycle import DONE
from backlog.planner import unindexed
from backlog.records import Record
from backlog.session import TELLING, Session, in_statement, telling
from backlog.verbs import names
from backlog.verbs.moves import existing, move_card, stale

MOST_DAYS: Final = 36_500

# As many are locked at a time.
_BATCH: Final = 1_000

_ARCHIVE: Final = "archived_at = clock_timestamp()"
_DONE: Final = f"{unindexed('{row}.status')} = '{DONE}' AND {{row}}.archived_at IS NULL"

# From one id to the next: what is left is not looked at again.
_OLD: Final = f"""
WITH old AS MATERIALIZED (
    SELECT id FROM backlog WHERE id > %s AND status = '{DONE}' AND archived_at IS NULL
        AND status_changed_at < now() - make_interval(days => %s)
        AND (%s::text IS NULL OR phase = %s)
    ORDER BY id LIMIT {_BATCH} FOR NO KEY UPDATE SKIP LOCKED
)
UPDATE backlog SET {_ARCHIVE} FROM old
WHERE backlog.id = old.id AND {TELLING} IS NOT NULL RETURNING backlog.id"""


def archive(session: Session, card_id: str, *, seen: datetime | None = None) -> Record:
    """A done card is archived from now on; one that is stays as it is.

    With `seen`, the `updated_at` the caller saw, it must not have changed since. Raises `NotFound`,
    `WrongState`, `Stale`.
    """
    values.text(card_id, "id")
    condition = _DONE if seen is None else f"{_DONE} AND {{row}}.updated_at = %s"
    given = () if seen is None else (values.since(seen, "seen"),)
    moved, found = move_card(session, card_id, _ARCHIVE, (), condition, (*given, *telling()))
    card = existing(card_id, found)
    if moved or card.archived_at is not None:
        return card
    if seen not in (None, card.updated_at):
        raise stale(card)
    raise WrongState(
        f"cannot archive {card_id}: it is {card.status}; only a done card can be archived"
    )


def archive_older(session: Session, days: int, phase: str | None = None) -> int:
    """Archive what has been done for longer than so many days (of a phase); how many cards.

    In batches, each a transaction; what others change at this moment is left. Raises `UsageError`.
    """
    values.between(days, "days", 0, MOST_DAYS)
    phase = names.found(session, "phase", phase)
    last, archived = "", 0
    while ids := _archive_batch(session, last, days, phase):
        last, archived = max(ids), archived + len(ids)
    return archived


@in_statement
def _archive_batch(session: Session, last: str, days: int, phase: str | None) -> list[str]:
    return [row[0] for row in session.execute(_OLD, (last, days, phase, phase, *telling()))]
