"""What happened to all cards, in pages: the events by their ids, the newest first."""

from typing import Any, Final, NamedTuple

from backlog.session import Session
from backlog.verbs.history import COLUMNS, Event, last_id

PAGE: Final = 50


class Chosen(NamedTuple):
    """Events that meet every part that is given."""

    actor: str = ""
    verb: str = ""
    card_id: str = ""

    def scope(self) -> tuple[str, tuple[Any, ...]]:
        """SQL that continues a WHERE clause on `backlog_event`, and its parameters."""
        parts = {
            " AND actor = %s": self.actor,
            " AND verb = %s": self.verb,
            " AND card_id = %s": self.card_id,
        }
        given = {sql: value for sql, value in parts.items() if value}
        return "".join(given), tuple(given.values())


class Activity(NamedTuple):
    """A page of events, the newest first, and whether there are older and newer ones."""

    events: list[Event]
    older: bool
    newer: bool


def activity(
    session: Session,
    chosen: Chosen = Chosen(),  # noqa: B008 (it is immutable)
    before: int | None = None,
    after: int | None = None,
) -> Activity:
    """The newest events with ids below `before`, or the oldest ones above `after`."""
    last = last_id(session)
    if after is not None:
        found = _walk(session, chosen, after, last, upwards=True)
        older = bool(_walk(session, chosen, 0, after, most=1))
        return Activity(found[:PAGE][::-1], older, len(found) > PAGE)
    low_end = last if before is None else min(before - 1, last)
    found = _walk(session, chosen, 0, low_end)
    newer = before is not None and bool(_walk(session, chosen, low_end, last, most=1))
    return Activity(found[:PAGE], len(found) > PAGE, newer)


def _walk(
    session: Session,
    chosen: Chosen,
    low: int,
    high: int,
    *,
    upwards: bool = False,
    most: int = PAGE + 1,
) -> list[Event]:
    """The first events with ids above `low` and up to `high`, from either end.

    No tree has the ids in their order (see `history.newest`): a window of ids, which the index of
    ranges finds, widens as it moves on.
    """
    condition, params = chosen.scope()
    sql = f"""
        SELECT {COLUMNS} FROM backlog_event WHERE id > %s AND id <= %s{condition}
        ORDER BY id {"ASC" if upwards else "DESC"} LIMIT %s"""
    found: list[Event] = []
    window = 4 * PAGE
    while low < high and len(found) < most:
        first, final = (
            (low, min(low + window, high)) if upwards else (max(low, high - window), high)
        )
        rows = session.execute(sql, (first, final, *params, most - len(found))).fetchall()
        found += [Event._make(row) for row in rows]
        low, high = (final, high) if upwards else (low, first)
        window *= 8
    return found
