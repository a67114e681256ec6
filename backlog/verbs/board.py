"""The backlog as lanes: by phase, and in each by what can happen to a card next."""

from typing import Final, NamedTuple

from backlog.records import COLUMNS, Record
from backlog.session import Session

# Waiting is ready with a dependency unfinished; it is a cell of its own, not a status.
CELLS: Final = ("ready", "waiting", "claimed", "blocked", "done")

_CELL: Final = "CASE WHEN status = 'ready' AND NOT claimable THEN 'waiting' ELSE status END"

_COUNTS: Final = f"SELECT phase, {_CELL}, count(*) FROM backlog GROUP BY 1, 2"

_FIRST: Final = f"""
SELECT cell, {COLUMNS} FROM (
    SELECT *, {_CELL} AS cell, row_number() OVER (
        PARTITION BY phase, {_CELL} ORDER BY priority DESC, created_at, id) AS place
    FROM backlog WHERE status <> 'done') AS backlog
WHERE place <= %s ORDER BY priority DESC, created_at, id"""


class Cell(NamedTuple):
    """How many cards of a lane are in one state, and the first of them in the order of claims."""

    name: str
    total: int
    cards: list[Record]


class Lane(NamedTuple):
    """One phase (None: cards without one) with a cell for each of `CELLS`."""

    phase: str | None
    cells: list[Cell]


def lanes(session: Session, per_cell: int = 10) -> list[Lane]:
    """Every lane by name, finished ones last; done cards are only counted."""
    counts = {(row[0], row[1]): row[2] for row in session.execute(_COUNTS).fetchall()}
    cards: dict[tuple[str | None, str], list[Record]] = {}
    for cell, *row in session.execute(_FIRST, (per_cell,)).fetchall():
        card = Record._make(row)
        cards.setdefault((card.phase, cell), []).append(card)
    unfinished = {phase for phase, cell in counts if cell != "done"}
    phases = sorted(
        {phase for phase, _ in counts}, key=lambda p: (p not in unfinished, p is None, p)
    )
    return [
        Lane(p, [Cell(c, counts.get((p, c), 0), cards.get((p, c), [])) for c in CELLS])
        for p in phases
    ]
