"""Of a large backlog not all is counted, and not all is looked at: what a page asks stays bounded.

As SQL: the ORM has neither LATERAL nor recursion. Each cell of the board is a range of the index
`backlog_lanes`, so that its first cards, in the order of claims, are found at once.
"""

from typing import Any, Final

from django.db.models import BooleanField
from django.db.models.expressions import RawSQL

from backlog.lifecycle import CELLS, CLAIMED
from backlog.session import Session
from backlog.verbs.kept import is_large
from backlog.web.queries.filters import WALK, Filter

# From about so many cards on; as many of a cell are counted; at as many, at most, a list looks.
LARGE: Final = 100_000
MOST_COUNTED: Final = 1_000
MOST_LOOKED_AT: Final = 10_000


class AtLeast(int):
    """A count that was not ended, nor is any sum it is part of."""

    def __str__(self) -> str:
        return f"{int(self):,}+"

    def __add__(self, other: int) -> "AtLeast":
        return AtLeast(int(self) + int(other))

    __radd__ = __add__

    def __sub__(self, other: int) -> "AtLeast":
        return AtLeast(int(self) - int(other))


_REST: Final = [(name, *cell) for name, cell in CELLS.items() if name != CLAIMED]

# Of all phases the cells but for claimed cards. Parameters: those of `_chosen`.
_CELLS: Final = f"""{WALK}, cell AS (
    SELECT phase, status, claimable
    FROM (SELECT phase FROM walk WHERE phase IS NOT NULL UNION ALL SELECT NULL) AS lane
    CROSS JOIN unnest(%s::text[], %s::boolean[]) AS state (status, claimable)
    WHERE coalesce(phase, '') = ANY (%s) OR %s
)"""

_OF_CELL: Final = """
    SELECT {what} FROM backlog WHERE status <> 'claimed' AND archived_at IS NULL
        AND phase = cell.phase AND status = cell.status AND claimable = cell.claimable
    ORDER BY priority DESC, created_at, id LIMIT {most}"""
_WITHOUT_PHASE: Final = _OF_CELL.replace("phase = cell.phase", "phase IS NULL")

# As rows of the board's own count: how many of each cell, up to one more than are counted.
_COUNTED: Final = f"""{_CELLS}
SELECT phase, status, claimable, number, 0 FROM (
    SELECT cell.*, (SELECT count(*) FROM ({_OF_CELL}) AS some_cards) AS number FROM cell
    WHERE phase IS NOT NULL
    UNION ALL
    SELECT cell.*, (SELECT count(*) FROM ({_WITHOUT_PHASE}) AS some_cards) FROM cell
    WHERE phase IS NULL
) AS cell WHERE number > 0""".format(what="", most=MOST_COUNTED + 1)

_SHARE: Final = f"(SELECT greatest(50, {MOST_LOOKED_AT} / greatest(count(*), 1)) FROM cell)"
_LOOKED_AT: Final = f"""{_CELLS}
SELECT card.ctid FROM cell CROSS JOIN LATERAL ({_OF_CELL}) AS card WHERE phase IS NOT NULL
UNION ALL
SELECT card.ctid FROM cell CROSS JOIN LATERAL ({_WITHOUT_PHASE}) AS card WHERE phase IS NULL
UNION ALL
(SELECT ctid FROM backlog WHERE claim_expires_at IS NOT NULL
    ORDER BY claim_expires_at LIMIT {MOST_LOOKED_AT})
UNION ALL
(SELECT ctid FROM backlog WHERE id >= %s AND id < %s ORDER BY id LIMIT {MOST_LOOKED_AT})
""".format(what="ctid", most=_SHARE)


_ARCHIVED: Final = f"""backlog.ctid = ANY (ARRAY(
    SELECT ctid FROM backlog WHERE archived_at IS NOT NULL LIMIT {MOST_LOOKED_AT}))"""


def is_counted_up_to(session: Session, chosen: Filter) -> bool:
    """Whether cells are counted only so far."""
    return not (chosen.looks_at_each or chosen.owner) and is_large(session, LARGE)


def counted(session: Session, chosen: Filter) -> list[tuple[Any, ...]]:
    """Rows of phase, status, claimable, how many, 0; claimed cards are not among them."""
    return [
        (*cell, AtLeast(MOST_COUNTED) if number > MOST_COUNTED else number, late)
        for *cell, number, late in session.execute(_COUNTED, _chosen(chosen)).fetchall()
    ]


_OF_A_CELL: Final = {
    template: ' FROM ({}) AS "backlog" WHERE '.format(template.format(what="*", most=most).strip())
    for most in [MOST_LOOKED_AT // 75]  # of 25 lanes with three cells each
    for template in (_OF_CELL, _WITHOUT_PHASE)
}


def first_of_cell(sql: str, *, without_phase: bool) -> str:
    """The statement about a cell's cards, made to look at the first of them only."""
    few = _OF_A_CELL[_WITHOUT_PHASE if without_phase else _OF_CELL]
    before, _, after = sql.partition(' FROM "backlog" WHERE ')
    return f"{before}{few}{after}"


def is_looked_at_in_part(session: Session, chosen: Filter) -> bool:
    """Whether a list is of some of the cards only: see `looked_at`."""
    return not chosen.owner and is_large(session, LARGE)


def looked_at(chosen: Filter) -> Any:
    """The condition that a card is one of those that a list looks at.

    The first of each cell that is chosen, the claims whose lease ends first, and what has an id
    that begins with the text. Of what is archived, some.
    """
    if chosen.archived:
        return RawSQL(_ARCHIVED, (), output_field=BooleanField())  # noqa: S611 (our own words)
    first, beyond = chosen.text, f"{chosen.text}\U0010ffff" if chosen.text else ""
    params = (*_chosen(chosen), first, beyond)
    sql = f"backlog.ctid = ANY (ARRAY({_LOOKED_AT}))"
    return RawSQL(sql, params, output_field=BooleanField())  # noqa: S611 (our own words)


def _chosen(chosen: Filter) -> tuple[Any, ...]:
    """The states of the cells, the phases, and whether every phase is meant."""
    states = [cell[1:] for cell in _REST if not chosen.cells or cell[0] in chosen.cells]
    statuses, claimable = [state[0] for state in states], [state[1] for state in states]
    return statuses, claimable, list(chosen.phases), not chosen.phases
