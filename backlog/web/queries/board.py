"""The backlog as lanes: by phase, and in each by what can happen to a card next."""

import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import cached_property
from hashlib import blake2b
from itertools import starmap
from typing import Final, NamedTuple

from backlog.session import Session
from backlog.verbs.pool import Statement
from backlog.verbs.rules import Limit, Pause, in_force
from backlog.web.queries.filters import ALL, CELL, CELLS, Filter

PER_CELL: Final = 10
LANES_A_PAGE: Final = 25
ATTENTION: Final = 6

# The status and readiness of the cells that are ranges of the index `backlog_lanes`.
_RANGES: Final = {
    "ready": ("ready", True),
    "waiting": ("ready", False),
    "blocked": ("blocked", False),
}

# A card waits for at most these of its dependencies by name.
_CHIPS: Final = 4

# The columns of a `BoardCard`, its edges excepted.
SHOWN: Final = """id, title, phase, priority, status, claimable, claim_owner, claim_expires_at,
    coalesce(claim_expires_at <= now(), false) AS expired, attempts, open_dependencies,
    block_reason, block_note, status_changed_at, updated_at, CASE WHEN held THEN not_before END"""

# In two parts, so that each is read from its index alone: what is claimed is not in the board's.
_COUNTS: Final = f"""
SELECT phase, {CELL}, count(*), 0 FROM backlog
WHERE status <> 'claimed'{{scope}} GROUP BY phase, status, claimable
UNION ALL
SELECT phase, 'claimed', count(*), count(*) FILTER (WHERE claim_expires_at <= now()) FROM backlog
WHERE claimed_at IS NOT NULL{{scope}} GROUP BY phase"""

# One range of the index a cell. A phase of NULL is a branch of its own: equality does not find it,
# and IS NOT DISTINCT FROM would not use the index.
_FIRST: Final = f"""
SELECT cell.number, card.* FROM unnest(%s::text[], %s::text[], %s::boolean[])
    WITH ORDINALITY AS cell (phase, status, claimable, number)
CROSS JOIN LATERAL (
    SELECT {SHOWN} FROM backlog WHERE backlog.status <> 'claimed' AND backlog.{{phase}}
    AND backlog.status = cell.status AND backlog.claimable = cell.claimable{{scope}}
    ORDER BY priority DESC, created_at, id LIMIT {PER_CELL}
) AS card"""
_FIRST_OF_PHASE: Final = _FIRST.replace("{phase}", "phase = cell.phase")
_FIRST_WITHOUT: Final = _FIRST.replace("{phase}", "phase IS NULL AND cell.phase IS NULL")

_HELD: Final = f"""
SELECT {SHOWN} FROM (
    SELECT *, row_number() OVER (PARTITION BY phase ORDER BY claim_expires_at, id) AS place
    FROM backlog WHERE claimed_at IS NOT NULL{{scope}}
) AS backlog WHERE place <= {PER_CELL} ORDER BY claim_expires_at, id"""

_OPEN: Final = """
SELECT edge.card_id, edge.dependency_id, needed.status FROM backlog_dependency edge
LEFT JOIN backlog needed ON needed.id = edge.dependency_id
WHERE edge.card_id = ANY(%s) AND needed.status IS DISTINCT FROM 'done'
ORDER BY edge.card_id, edge.dependency_id"""

_HOLDS_UP: Final = """
SELECT edge.dependency_id, count(*) FROM backlog_dependency edge
JOIN backlog dependent ON dependent.id = edge.card_id
WHERE edge.dependency_id = ANY(%s) AND dependent.status <> 'done' GROUP BY edge.dependency_id"""


class BoardCard(NamedTuple):
    """What the board shows of a card. `waits_for`: ids with their status (None: no such card)."""

    id: str
    title: str
    phase: str | None
    priority: int
    status: str
    claimable: bool
    claim_owner: str | None
    claim_expires_at: datetime | None
    expired: bool
    attempts: int
    open_dependencies: int
    block_reason: str | None
    block_note: str | None
    status_changed_at: datetime
    updated_at: datetime
    held_until: datetime | None = None
    waits_for: tuple[tuple[str, str | None], ...] = ()
    holds_up: int = 0

    @property
    def cell(self) -> str:
        """The cell of its lane that the card is in."""
        return "waiting" if self.status == "ready" and not self.claimable else self.status

    @property
    def more(self) -> int:
        """How many open dependencies are not in `waits_for`."""
        return self.open_dependencies - len(self.waits_for) if self.waits_for else 0


class Cell(NamedTuple):
    """How many cards of a lane are in one state, and the first of them.

    In the order of claims; claimed ones by the end of their lease. Done cards are only counted.
    """

    phase: str | None
    name: str
    total: int
    expired: int
    cards: tuple[BoardCard, ...]

    @property
    def key(self) -> str:
        """A name for the cell that is the same in every process, fit for an HTML id."""
        return _key(self.name, self.phase)

    @property
    def signature(self) -> str:
        """Another one whenever the cell shows something else."""
        return _digest(repr(self))


class Heading(NamedTuple):
    """What stands above the cells of a lane; swapped by itself, as a cell is."""

    phase: str | None
    done: int
    total: int
    pause: Pause | None
    limit: Limit | None

    @property
    def key(self) -> str:
        """As a cell's."""
        return _key("lane", self.phase)

    @property
    def signature(self) -> str:
        """Another one whenever it says something else."""
        return _digest(repr(self))


class Lane(NamedTuple):
    """One phase (None: cards without one): a cell for each of `CELLS`, and what holds it back."""

    phase: str | None
    cells: tuple[Cell, ...]
    pause: Pause | None = None
    limit: Limit | None = None

    @property
    def heading(self) -> Heading:
        return Heading(self.phase, self.done, self.total, self.pause, self.limit)

    @property
    def total(self) -> int:
        return sum(cell.total for cell in self.cells)

    @property
    def done(self) -> int:
        return self.cells[-1].total

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        return self.done == self.total


class Board:
    """One page of lanes, what the whole selection counts, and what is paused."""

    def __init__(
        self,
        lanes: tuple[Lane, ...],
        page: int,
        pages: int,
        totals: dict[str, int],
        pauses: tuple[Pause, ...] = (),
    ):
        self.lanes, self.page, self.pages, self.totals = lanes, page, pages, totals
        self.pauses = pauses

    @cached_property
    def cells(self) -> dict[str, Cell]:
        """The cells by their keys, in the order of the page."""
        return {cell.key: cell for lane in self.lanes for cell in lane.cells}

    @cached_property
    def headings(self) -> dict[str, Heading]:
        """The headings of the lanes by their keys."""
        return {lane.heading.key: lane.heading for lane in self.lanes}

    @cached_property
    def attention(self) -> tuple[BoardCard, ...]:
        """The first cards of the page that wait for an operator: expired claims, then blocked."""
        shown = [card for cell in self.cells.values() for card in cell.cards]
        late = [card for card in shown if card.expired]
        return (*late, *(card for card in shown if card.status == "blocked"))[:ATTENTION]

    @cached_property
    def signatures(self) -> dict[str, str]:
        """What each cell and heading shows, by key; the totals and what needs attention, as
        `totals`; what is paused, as `banner`."""
        return {
            "totals": _digest(repr((self.totals, self.attention))),
            "banner": self.banner,
            **{key: heading.signature for key, heading in self.headings.items()},
            **{key: cell.signature for key, cell in self.cells.items()},
        }

    @cached_property
    def banner(self) -> str:
        """Another one whenever the banner says something else."""
        return _digest(repr(self.pauses))

    @cached_property
    def version(self) -> str:
        """Another one whenever anything on the page is."""
        return _digest(repr(self.signatures))


def board(session: Session, chosen: Filter = ALL, page: int = 1) -> Board:
    """One page of lanes, as the cards are now; pages count from 1, one too many is the last."""
    scope = chosen.scope()
    counts = _counted(session, scope)
    phases = _ordered(counts)
    pages = max(1, -(-len(phases) // LANES_A_PAGE))
    page = min(max(page, 1), pages)
    shown = phases[(page - 1) * LANES_A_PAGE : page * LANES_A_PAGE]
    cards = _first_cards(session, scope, [phase for phase in shown if not _finished(counts[phase])])
    held_back = in_force(session)
    lanes = tuple(
        Lane(
            phase,
            tuple(
                Cell(phase, name, *counts[phase].get(name, (0, 0)), cards.get((phase, name), ()))
                for name in CELLS
            ),
            *held_back.of_phase(phase),
        )
        for phase in shown
    )
    return Board(lanes, page, pages, _totals(counts), held_back.pauses)


Counts = dict[str | None, dict[str, tuple[int, int]]]


def _counted(session: Session, scope: Statement) -> Counts:
    condition, params = scope
    rows = session.execute(_COUNTS.format(scope=condition), (*params, *params)).fetchall()
    counts: Counts = {}
    for phase, cell, total, expired in rows:
        counts.setdefault(phase, {})[cell] = (total, expired)
    return counts


def _totals(counts: Counts) -> dict[str, int]:
    totals = dict.fromkeys((*CELLS, "expired"), 0)
    for cells in counts.values():
        for name, (total, expired) in cells.items():
            totals[name] += total
            totals["expired"] += expired
    return totals


def _finished(cells: dict[str, tuple[int, int]]) -> bool:
    return cells.keys() <= {"done"}


def _ordered(counts: Counts) -> list[str | None]:
    """Unfinished lanes first; by name, numbers in it by their value, cards without a phase last."""
    return sorted(
        counts, key=lambda phase: (_finished(counts[phase]), phase is None, _natural(phase or ""))
    )


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]{1,18})", name.casefold())
    return [(0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def _first_cards(
    session: Session, scope: Statement, phases: Sequence[str | None]
) -> dict[tuple[str | None, str], tuple[BoardCard, ...]]:
    condition, params = scope
    found: list[BoardCard] = []
    for sql, wanted in (
        (_FIRST_OF_PHASE, [phase for phase in phases if phase is not None]),
        (_FIRST_WITHOUT, [phase for phase in phases if phase is None]),
    ):
        if wanted:
            cells = [(phase, *_RANGES[name]) for phase in wanted for name in _RANGES]
            columns = [list(column) for column in zip(*cells, strict=True)]
            rows = session.execute(sql.format(scope=condition), (*columns, *params)).fetchall()
            found += [BoardCard(*row[1:]) for row in sorted(rows, key=lambda row: row[0])]
    held = session.execute(_HELD.format(scope=condition), params).fetchall()
    found += [card for card in starmap(BoardCard, held) if card.phase in phases]
    cells_: dict[tuple[str | None, str], tuple[BoardCard, ...]] = {}
    for card in with_edges(session, found):
        key = (card.phase, card.cell)
        cells_[key] = (*cells_.get(key, ()), card)
    return cells_


def with_edges(session: Session, cards: Iterable[BoardCard]) -> list[BoardCard]:
    """The cards with what they wait for and how many unfinished cards wait for them."""
    cards = list(cards)
    waiting = [card.id for card in cards if card.cell == "waiting"]
    waits: dict[str, list[tuple[str, str | None]]] = {}
    if waiting:
        for card_id, needed, status in session.execute(_OPEN, (waiting,)).fetchall():
            waits.setdefault(card_id, []).append((needed, status))
    ids = [card.id for card in cards]
    holds = dict(session.execute(_HOLDS_UP, (ids,)).fetchall()) if ids else {}
    return [
        card._replace(
            waits_for=tuple(waits.get(card.id, ())[:_CHIPS]), holds_up=holds.get(card.id, 0)
        )
        for card in cards
    ]


def _key(name: str, phase: str | None) -> str:
    return f"{name}-{_digest('-' if phase is None else f'={phase}')}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
