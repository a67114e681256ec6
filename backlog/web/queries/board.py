"""The backlog as lanes: by phase, and in each by what can happen to a card next."""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import blake2b
from typing import Any, Final, NamedTuple

from django.core.paginator import Paginator
from django.db.models import Count, Func, TextField, Value, Window
from django.db.models.functions import RowNumber

from backlog.lifecycle import CELL_OF, CELLS, CLAIMED
from backlog.querysets import EXPIRED, CardQuerySet
from backlog.session import Session, Statement
from backlog.verbs.budgets import Budget, budgets
from backlog.verbs.rules import Limit, Pause, in_force
from backlog.web import beside
from backlog.web.queries import large
from backlog.web.queries.attention import Attention, attention
from backlog.web.queries.filters import ALL, Filter
from backlog.web.queries.now import Running, running
from backlog.web.queries.shown import Shown
from backlog.web.queries.shown import rows as rows_of

PER_CELL: Final = 10
LANES_A_PAGE: Final = 25

_BY: Final = ("phase", "status", "claimable")

# The cells that are ranges of the index `backlog_lanes`.
_RANGES: Final = ("ready", "waiting", "blocked")


@dataclass(frozen=True)
class Cell:
    """How many cards of a lane are in one state, and the first of them.

    In the order of claims; claimed ones by the end of their lease. Done cards are only counted.
    """

    phase: str | None
    name: str
    total: int
    expired: int
    cards: tuple[Shown, ...]

    def __hash__(self) -> int:
        return hash(self.signature)  # worked out once, and not of hundreds of values each time

    @cached_property
    def key(self) -> str:
        """A name for the cell that is the same in every process, fit for an HTML id."""
        return _key(self.name, self.phase)

    @cached_property
    def signature(self) -> str:
        """Another one whenever the cell shows something else."""
        return _digest(repr(self))


class Heading(NamedTuple):
    """What stands above the cells of a lane (None: of cards without a phase), and holds it back.

    Of the whole lane, whatever is chosen of it: how many cards that are, `shown` says then. Swapped
    by itself, as a cell is.
    """

    phase: str | None
    counts: tuple[int, ...]
    shown: int | None
    pause: Pause | None
    limit: Limit | None
    budget: Budget | None = None

    @property
    def cells(self) -> list[tuple[str, int]]:
        """Of each of `CELLS` how many cards there are."""
        return list(zip(CELLS, self.counts, strict=True))

    @property
    def active(self) -> bool:
        """Somebody is at work here, or something is stuck."""
        _, _, claimed, blocked, _ = self.counts
        return claimed > 0 or blocked > 0

    @property
    def finished(self) -> bool:
        """Nothing is left to do."""
        return self.done == self.total

    @property
    def done(self) -> int:
        """How many cards of it are done."""
        return self.counts[-1]

    @property
    def total(self) -> int:
        """How many cards it has."""
        return sum(self.counts)

    @property
    def key(self) -> str:
        """As a cell's."""
        return _key("lane", self.phase)

    @property
    def signature(self) -> str:
        """Another one whenever it says something else."""
        return _digest(repr(self))


class Lane(NamedTuple):
    """One phase: what stands above it, and a cell for each of `CELLS`."""

    heading: Heading
    cells: tuple[Cell, ...]


@dataclass(frozen=True)
class Board:
    """One page of lanes, what the whole selection counts, what is paused, what of the whole
    backlog runs and needs an operator; what other apps say, and count in the navigation.

    `in_part`: of a large backlog some cards were looked at, as `large.looked_at` says.
    """

    lanes: tuple[Lane, ...]
    page: int
    pages: int
    totals: dict[str, int]
    pauses: tuple[Pause, ...]
    running: Running
    attention: Attention
    in_part: bool = False
    others: tuple[beside.Part, ...] = ()
    waiting: dict[str, beside.Part] = field(default_factory=dict)

    @property
    def has_drafts(self) -> bool:
        """Whether any card that is shown is a draft."""
        return any(card.draft for cell in self.cells.values() for card in cell.cards)

    @cached_property
    def cells(self) -> dict[str, Cell]:
        """The cells by their keys, in the order of the page."""
        return {cell.key: cell for lane in self.lanes for cell in lane.cells}

    @cached_property
    def headings(self) -> dict[str, Heading]:
        """The headings of the lanes by their keys."""
        return {lane.heading.key: lane.heading for lane in self.lanes}

    @cached_property
    def signatures(self) -> dict[str, str]:
        """What each cell and heading shows, by key; and as `totals`, `running`, `attention`
        and `banner`, and by their ids, what stands above."""
        return {
            "totals": self.above,
            "running": _digest(repr(self.running)),
            "attention": self.needing,
            "banner": self.banner,
            **{part.key: part.signature for part in (*self.others, *self.waiting.values())},
            **{key: heading.signature for key, heading in self.headings.items()},
            **{key: cell.signature for key, cell in self.cells.items()},
        }

    @cached_property
    def above(self) -> str:
        """Another one whenever the totals say something else."""
        return _digest(repr(self.totals))

    @cached_property
    def needing(self) -> str:
        """Another one whenever what needs attention says something else."""
        return _digest(repr((self.attention, bool(self.lanes))))

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
    in_part = chosen.looks_at_each and large.is_looked_at_in_part(session, chosen)
    statements = _statements(chosen, bool(in_part))
    counts = _counted(session, statements, chosen)
    lane_by_lane = Filter(chosen.phases)
    whole = counts
    if chosen != lane_by_lane:
        whole = counts | _counted(session, _statements(lane_by_lane, False), lane_by_lane)
    on_page = Paginator(_ordered(counts, whole), LANES_A_PAGE).get_page(page)
    open_phases = [phase for phase in on_page if not _finished(counts[phase])]
    first = _first(session, statements, open_phases)
    rules = in_force(session)
    bounds = {each.phase: each for each in budgets(session)}

    def cell(phase: str | None, name: str) -> Cell:
        return Cell(phase, name, *counts[phase].get(name, (0, 0)), tuple(first[phase, name]))

    def lane(phase: str | None) -> Lane:
        cells = tuple(cell(phase, name) for name in CELLS)
        of_lane = tuple(whole[phase].get(name, (0, 0))[0] for name in CELLS)
        some = None if whole is counts else sum(cell.total for cell in cells)
        held_back = (*rules.of_phase(phase), bounds.get(phase or ""))
        return Lane(Heading(phase, of_lane, some, *held_back), cells)

    lanes = tuple(map(lane, on_page))
    return Board(
        lanes,
        on_page.number,
        on_page.paginator.num_pages,
        _totals(counts),
        rules.pauses,
        running(session),
        attention(session),
        bool(in_part),
        beside.of_board(session),
        beside.counts(session),
    )


Counts = dict[str | None, dict[str, tuple[int, int]]]


class _Statements(NamedTuple):
    """What reads a board: numbers, those of claims alone, and the first cards: claimed, of cells
    of a phase or without.

    The last has its own: equality does not find it, IS NOT DISTINCT FROM would not use the index.
    """

    numbers: Statement
    claims: Statement
    claimed: Statement
    of_phase: Statement
    without: Statement


# Compiled once for each filter: that takes longer than all else that Python does for a board.
@lru_cache(maxsize=64)
def _statements(chosen: Filter, in_part: bool) -> _Statements:
    cards = chosen.cards(of_few=in_part)
    rest = cards.exclude(status=_sql(f"'{CLAIMED}'"))  # as text: the index is partial
    numbered = rest.filter(large.looked_at(chosen)) if in_part else rest
    claimed = cards.filter(claim_expires_at__isnull=False)
    by_lease = ("claim_expires_at", "id")
    place = Window(RowNumber(), partition_by="phase", order_by=by_lease)
    first = claimed.annotate(place=place).filter(place__lte=PER_CELL).order_by(*by_lease)
    of_cell = rest.filter(status=_sql("cell.status"), claimable=_sql("cell.claimable"))
    return _Statements(
        _numbers(numbered, claimed).query.sql_with_params(),
        _claims(claimed).query.sql_with_params(),
        rows_of(first).query.sql_with_params(),
        _ranges(of_cell.filter(phase=_sql("cell.phase")), in_part),
        _ranges(of_cell.filter(phase=None), in_part, without_phase=True),
    )


def _numbers(rest: CardQuerySet, claimed: CardQuerySet) -> Any:
    """Rows of phase, status, claimable, how many cards, how many of them are expired.

    In two parts, so that each is read from its index alone: what is claimed is not in the board's.
    By columns of that index: a count by `cell` has to sort all cards.
    """
    first = rest.values_list(*_BY).annotate(total=Count("*"), over=Value(0))
    return first.union(_claims(claimed), all=True)


def _claims(claimed: CardQuerySet) -> Any:
    over = Count("pk", filter=EXPIRED)
    return claimed.values_list(*_BY).annotate(total=Count("*"), over=over)


def counts(session: Session, chosen: Filter = ALL) -> Counts:
    """Of each phase the cells: how many cards, and how many of these are expired."""
    return _counted(session, _statements(chosen, False), chosen)


def _counted(session: Session, statements: _Statements, chosen: Filter) -> Counts:
    counts: Counts = {}
    if large.is_counted_up_to(session, chosen):
        rows = large.counted(session, chosen)
        rows += session.execute(*statements.claims).fetchall()
    else:
        rows = session.execute(*statements.numbers).fetchall()
    for phase, status, claimable, total, late in rows:
        counts.setdefault(phase, {})[CELL_OF[status, claimable]] = (total, late)
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


def _ordered(counts: Counts, whole: Counts) -> list[str | None]:
    """Lanes where somebody is at work, then those that are stuck, with work, finished.

    Of a kind by name, numbers in it by their value; cards without a phase last.
    """

    def place(phase: str | None) -> tuple[Any, ...]:
        cells = whole[phase]
        activity = ("claimed" not in cells, "blocked" not in cells, _finished(cells))
        return (*activity, phase is None, _natural(phase or ""))

    return sorted(counts, key=place)


def _natural(name: str) -> list[tuple[int, int, str]]:
    parts = re.split(r"([0-9]{1,18})", name.casefold())
    return [(0, int(p), "") if p.isdecimal() and p.isascii() else (1, 0, p) for p in parts if p]


def _first(
    session: Session, statements: _Statements, phases: Sequence[str | None]
) -> dict[tuple[str | None, str], list[Shown]]:
    """What is shown of the first cards of the cells of these phases, by phase and cell."""
    rows = session.execute(*statements.claimed).fetchall()
    for wanted, (sql, params) in (
        ([phase for phase in phases if phase is not None], statements.of_phase),
        ([phase for phase in phases if phase is None], statements.without),
    ):
        if wanted:
            cells = [(phase, *CELLS[name]) for phase in wanted for name in _RANGES]
            columns = [list(column) for column in zip(*cells, strict=True)]
            rows += session.execute(sql, (*columns, *params)).fetchall()
    first: dict[tuple[str | None, str], list[Shown]] = defaultdict(list)
    for card in map(Shown._make, rows):
        first[card.phase, card.cell].append(card)
    return first


def _ranges(cards: CardQuerySet, in_part: bool, *, without_phase: bool = False) -> Statement:
    """The first cards of many cells, each from its range of the index.

    By LATERAL, which the ORM lacks; a window would rank every card. Parameters: the phases of the
    cells, their statuses, whether they are claimable.
    """
    cards_of_cell, params = rows_of(cards.in_claim_order())[:PER_CELL].query.sql_with_params()
    if in_part:
        cards_of_cell = large.first_of_cell(cards_of_cell, without_phase=without_phase)
    cells = "unnest(%s::text[], %s::text[], %s::boolean[]) AS cell (phase, status, claimable)"
    return f"SELECT card.* FROM {cells} CROSS JOIN LATERAL ({cards_of_cell}) AS card", params


def _sql(template: str) -> Func:
    return Func(template=template, output_field=TextField())


def _key(name: str, phase: str | None) -> str:
    return f"{name}-{_digest('-' if phase is None else f'={phase}')}"


def _digest(text: str) -> str:
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
