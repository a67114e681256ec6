"""Pages of cards in an order of the reader's."""

from itertools import starmap
from typing import Final, NamedTuple

from backlog.errors import UsageError
from backlog.session import Session
from backlog.web.queries.board import SHOWN, BoardCard, with_edges
from backlog.web.queries.filters import Filter

PAGE: Final = 50

_NEWEST: Final = "created_at DESC, id"

# The names that a URL uses, with what they are called and the order they mean.
SORTS: Final = {
    "claim": ("order of claims", "priority DESC, created_at, id"),
    "longest": ("longest as it is", "status_changed_at, id"),
    "changed": ("last changed", "updated_at DESC, id"),
    "newest": ("newest", _NEWEST),
    "id": ("id", "id"),
    "title": ("title", "title, id"),
    "attempts": ("most attempts", "attempts DESC, id"),
    "lease": ("end of lease", "claim_expires_at, id"),
}


class Page(NamedTuple):
    """Cards, and how many there are on all pages."""

    cards: list[BoardCard]
    total: int
    number: int

    @property
    def first(self) -> int:
        """The place of the first card of this page among all, from 1."""
        return (self.number - 1) * PAGE + 1 if self.cards else 0

    @property
    def last(self) -> int:
        return self.first + len(self.cards) - 1 if self.cards else 0


def cards(session: Session, chosen: Filter, sort: str = "claim", page: int = 1) -> Page:
    """A page of cards; pages count from 1, one too many is empty. Raises `UsageError`."""
    if sort not in SORTS:
        raise UsageError(f"sort must be one of {', '.join(SORTS)}")
    condition, params = chosen.scope()
    total = session.execute(
        f"SELECT count(*) FROM backlog WHERE true{condition}", params
    ).fetchone()[0]
    rows = session.execute(
        f"SELECT {SHOWN} FROM backlog WHERE true{condition} ORDER BY {SORTS[sort][1]}"
        " LIMIT %s OFFSET %s",
        (*params, PAGE, (page - 1) * PAGE),
    ).fetchall()
    return Page(with_edges(session, starmap(BoardCard, rows)), total, page)
