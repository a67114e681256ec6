"""The DAG stays one: changes of edges come one after the other, and none may close a cycle."""

from collections.abc import Sequence
from typing import Final

from backlog.errors import Cycle
from backlog.planner import row_by_row
from backlog.session import Session

_GRAPH_LOCK: Final = "SELECT pg_advisory_xact_lock(1650549611, -1)"

# The walk stops as soon as the limit is reached: Postgres evaluates a recursive query lazily.
_REACHES: Final = f"""
WITH RECURSIVE walk(id) AS (
    SELECT unnest(%s::text[]) COLLATE "C"
    UNION
    SELECT next.id FROM walk CROSS JOIN LATERAL (
        {row_by_row("SELECT {to} AS id FROM backlog_dependency WHERE {start} = walk.id")}
    ) AS next
), part AS (SELECT id FROM walk LIMIT %s)
SELECT count(*), array_agg(id) FILTER (WHERE id = ANY (%s)) FROM part"""

_TO_DEPENDENCIES: Final = _REACHES.format(start="card_id", to="dependency_id")
_TO_DEPENDENTS: Final = _REACHES.format(start="dependency_id", to="card_id")


def lock_graph(session: Session) -> None:
    """Until the transaction ends, no other verb adds an edge.

    Two links that would close a cycle together thus see each other. Links are rare beside
    claims, which take no such lock.
    """
    session.execute(_GRAPH_LOCK)


def refuse_cycle(session: Session, card_id: str, dependency_ids: Sequence[str]) -> None:
    """Raise `Cycle` if one of the dependencies waits, directly or through others, for the card.

    Searched from both ends with growing bounds, so that the cost follows the smaller of the
    two: what the dependencies wait for, or what waits for the card.
    """
    ends = list(dependency_ids)
    limit = 1000
    while True:
        for sql, start, goal in (
            (_TO_DEPENDENTS, [card_id], ends),
            (_TO_DEPENDENCIES, ends, [card_id]),
        ):
            reached, met = session.execute(sql, (start, limit, goal)).fetchone()
            if met:
                on = met[0] if goal is ends else ", ".join(ends)
                raise Cycle(f"{card_id} cannot depend on {on}, which waits for {card_id}")
            if reached < limit:
                return
        limit *= 8
