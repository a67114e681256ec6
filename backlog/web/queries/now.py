"""What runs now: of the whole backlog, whatever a page shows of it."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

from django.db.models import Count, OuterRef, Subquery, Window
from django.db.models.functions import Now

from backlog.models import Card, RunOutput
from backlog.session import Session, Statement
from backlog.web.queries import lines

# As many claims have a row of their own; the others are counted.
ROWS: Final = 8

_SHOWN: Final = lines.in_order(
    *("id", "title", "phase", "status", "attempts", "claim_owner", "claim_ttl_seconds"),
    *("claim_expires_at", "status_changed_at", "updated_at"),
)


@dataclass(frozen=True)
class Running:
    """How many claims there are whose lease is not over, and the rows of the oldest, as values."""

    total: int = 0
    rows: tuple[tuple[Any, ...], ...] = ()

    @cached_property
    def cards(self) -> list[Card]:
        """The cards of these rows, each with what it has `printed` last (None: nothing)."""
        return [lines.card(_SHOWN, row[:-1], printed=row[-1]) for row in self.rows]

    @property
    def more(self) -> int:
        """How many have no row."""
        return self.total - len(self.rows)


def running(session: Session) -> Running:
    """What workers hold now, the claim that was made first at the top."""
    rows = session.execute(*_statement()).fetchall()
    return Running(rows[0][-1], tuple(row[:-1] for row in rows)) if rows else Running()


@cache
def _statement() -> Statement:
    of_claim = RunOutput.objects.filter(card=OuterRef("pk"), attempt=OuterRef("attempts"))
    held = Card.objects.filter(claim_expires_at__gt=Now()).annotate(
        said=Subquery(of_claim.values("last_line")), total=Window(Count("*"))
    )
    first = held.order_by("status_changed_at", "id")[:ROWS]
    columns = lines.columns(_SHOWN)
    return first.values_list(*columns, "said", "total").query.sql_with_params()
