"""What waits for an operator: claims whose lease is over, and what is blocked; oldest first."""

from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any, Final

from django.db.models import F, Q
from django.db.models.expressions import RawSQL

from backlog.lifecycle import BLOCKED
from backlog.models import Card
from backlog.querysets import CardQuerySet
from backlog.session import Session, Statement
from backlog.web.queries import lines
from backlog.web.queries.large import MOST_COUNTED, AtLeast
from backlog.web.queries.questions import Question, questions

# So many questions are named, of the oldest so many that are blocked; among so many cards the
# same ones are found.
FIRST: Final = 5
ALIKE: Final = 50
MOST_BLOCKED: Final = 10_000

_FIELDS: Final = lines.in_order(
    *("id", "title", "status", "claim_owner", "claim_expires_at"),
    *("block_reason", "block_note", "status_changed_at", "updated_at"),
)


# As text: the index is partial.
_BLOCKED: Final = Q(status=RawSQL(f"'{BLOCKED}'", ()))  # noqa: S611 (our own words)
_SOME: Final = f"(SELECT * FROM backlog WHERE status = '{BLOCKED}' LIMIT {MOST_BLOCKED})"


@dataclass(frozen=True)
class Attention:
    """How many cards of the whole backlog need an operator, and the values of those that have
    for the longest."""

    total: int = 0
    rows: tuple[tuple[Any, ...], ...] = ()

    @cached_property
    def questions(self) -> list[Question]:
        """The first of them, each with `expired`; cards that are blocked alike are one."""
        cards = (lines.card(_FIELDS, row[:-1], expired=row[-1]) for row in self.rows)
        return questions(cards)[:FIRST]

    @property
    def more(self) -> bool:
        """Whether there are others than the questions have."""
        return self.total > sum(1 + len(others) for _, others in self.questions)


def attention(session: Session) -> Attention:
    """As of now, whatever a page is about. Counted up to a thousand; of more than some thousands
    that are blocked, the first that are found."""
    rows = session.execute(*_statement()).fetchall()
    if not rows:
        return Attention()
    total = rows[0][0]
    first = tuple(row[1:-1] for row in rows)
    return Attention(AtLeast(MOST_COUNTED) if total > MOST_COUNTED else total, first)


@cache
def _statement() -> Statement:
    """One for both, around what the ORM makes of each: it cannot bound what it sorts, nor count
    beside it."""
    late, blocked = Card.objects.expired(), Card.objects.filter(_BLOCKED)
    counts = [cards.values("pk")[: MOST_COUNTED + 1] for cards in (late, blocked)]
    counted, of_counts = counts[0].union(counts[1], all=True).query.sql_with_params()
    first_late, of_late = _oldest(late, "claim_expires_at")
    first_blocked, of_blocked = _oldest(blocked, "status_changed_at")
    first_blocked = first_blocked.replace(' FROM "backlog"', f' FROM {_SOME} AS "backlog"')
    sql = (
        f"SELECT (SELECT count(*) FROM ({counted}) AS some_cards), card.*"
        f" FROM (({first_late}) UNION ALL ({first_blocked})) AS card ORDER BY since LIMIT {ALIKE}"
    )
    return sql, (*of_counts, *of_late, *of_blocked)


def _oldest(cards: CardQuerySet, since: str) -> Statement:
    shown = cards.with_expired().annotate(since=F(since)).order_by("since", "id")
    columns = lines.columns(_FIELDS)
    query = shown.values_list(*columns, "expired", "since")[:ALIKE].query
    return query.sql_with_params()
