"""What waits for an operator: claims whose lease is over, and what is blocked; oldest first.

What is in review waits for whoever judges it, and is only counted.
"""

from functools import cache
from typing import Any, Final, NamedTuple

from django.db.models import F, Q
from django.db.models.expressions import RawSQL

from backlog.lifecycle import BLOCKED, IN_REVIEW
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
_REVIEWED: Final = Q(block_reason=IN_REVIEW)
_SOME: Final = f"(SELECT * FROM backlog WHERE status = '{BLOCKED}' LIMIT {MOST_BLOCKED})"

_COUNTED_AND_FIRST: Final = f"""
SELECT counts.*, card.* FROM (SELECT
    (SELECT count(*) FROM (({{}}) UNION ALL ({{}})) AS some_cards),
    (SELECT count(*) FROM ({{}}) AS some_cards)) AS counts
LEFT JOIN (
    SELECT * FROM (({{}}) UNION ALL ({{}})) AS card ORDER BY since LIMIT {ALIKE}
) AS card ON true ORDER BY since"""


class Attention(NamedTuple):
    """How many cards of the whole backlog need an operator, and the values of those that have
    for the longest; how many others are in review."""

    total: int = 0
    rows: tuple[tuple[Any, ...], ...] = ()
    in_review: int = 0

    @property
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
    total, in_review = map(_counted, rows[0][:2])
    first = tuple(row[2:-1] for row in rows if row[-1] is not None)
    return Attention(total, first, in_review)


def _counted(number: int) -> int:
    return AtLeast(MOST_COUNTED) if number > MOST_COUNTED else number


@cache
def _statement() -> Statement:
    """One for both, around what the ORM makes of each: it cannot bound what it sorts, nor count
    beside it."""
    late, blocked = Card.objects.expired(), Card.objects.filter(_BLOCKED)
    stuck, reviewed = blocked.exclude(_REVIEWED), blocked.filter(_REVIEWED)
    parts = (
        _counting(late),
        _among_some(_counting(stuck)),
        _among_some(_counting(reviewed)),
        _oldest(late, "claim_expires_at"),
        _among_some(_oldest(stuck, "status_changed_at")),
    )
    sql = _COUNTED_AND_FIRST.format(*(sql for sql, _ in parts))
    return sql, tuple(param for _, params in parts for param in params)


def _counting(cards: CardQuerySet) -> Statement:
    return cards.values("pk")[: MOST_COUNTED + 1].query.sql_with_params()


def _among_some(statement: Statement) -> Statement:
    sql, params = statement
    return sql.replace(' FROM "backlog"', f' FROM {_SOME} AS "backlog"'), params


def _oldest(cards: CardQuerySet, since: str) -> Statement:
    shown = cards.with_expired().annotate(since=F(since)).order_by("since", "id")
    columns = lines.columns(_FIELDS)
    query = shown.values_list(*columns, "expired", "since")[:ALIKE].query
    return query.sql_with_params()
