"""What waits for an operator: claims whose lease is over, what is blocked, and what waits for a
card that does not exist; oldest first. What is in review waits for whoever judges it: a number."""

from dataclasses import dataclass
from datetime import datetime
from functools import cache, cached_property, lru_cache
from typing import Any, Final

from django.db.models import Count, Exists, F, OuterRef, Q, Subquery, Window
from django.db.models.expressions import RawSQL

from backlog.lifecycle import BLOCKED, IN_REVIEW
from backlog.models import Card, Dependency
from backlog.querysets import CardQuerySet, in_cell
from backlog.session import Session, Statement
from backlog.verbs import doctor
from backlog.verbs.kept import is_large, kept
from backlog.verbs.stuck import MISSING
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


@dataclass(frozen=True)
class Attention:
    """How many cards of the whole backlog need an operator, and the values of those that have
    for the longest; `in_vain`: of those that wait for what does not exist, with its id; how many
    others are in review."""

    total: int = 0
    rows: tuple[tuple[Any, ...], ...] = ()
    in_vain: tuple[tuple[Any, ...], ...] = ()
    in_review: int = 0

    @cached_property
    def questions(self) -> list[Question]:
        """The first of them, each with `expired`, and `waits_for` where it waits in vain; cards
        that ask the same are one."""
        cards = [lines.card(_FIELDS, row[:-1], expired=row[-1]) for row in self.rows]
        for *row, needed in self.in_vain:
            waits_for = ((needed, MISSING),)
            cards.append(lines.card(_FIELDS, row, expired=False, waits_for=waits_for))
        return questions(sorted(cards, key=_since))[:FIRST]

    @property
    def more(self) -> bool:
        """Whether there are others than have a row of their own."""
        return self.total > len(self.questions)


def _since(card: Card) -> datetime:
    """From when on it has needed somebody."""
    since: datetime = card.claim_expires_at or card.status_changed_at
    return since


def attention(session: Session) -> Attention:
    """As of now, whatever a page is about. Counted up to a thousand; of more than some thousands
    that are blocked, the first that are found; of a large backlog, what a sweep found to wait for
    nothing and still does."""
    rows = session.execute(*_statement()).fetchall()
    total, in_review = rows[0][:2]
    vain = _in_vain(session)
    total += vain[0][-1] if vain else 0
    return Attention(
        _counted(total),
        tuple(row[2:-1] for row in rows if row[-1] is not None),
        tuple(row[:-1] for row in vain),
        _counted(in_review),
    )


def _counted(number: int) -> int:
    return AtLeast(MOST_COUNTED) if number > MOST_COUNTED else number


def _in_vain(session: Session) -> list[Any]:
    """The first cards that wait for what does not exist, with its id, and how many there are."""
    if not is_large(session):
        return session.execute(*_of_all()).fetchall()
    seen = kept(session, doctor.NAME)
    # As `doctor.look` has it: numbers, what is held up, the first of what it found.
    found = [each["id"] for each in seen.content[2] if each["kind"] == MISSING] if seen else []
    return session.execute(*_of(tuple(found))).fetchall() if found else []


# Compiled once for each sweep, which takes longer than to ask.
@lru_cache(maxsize=4)
def _of(ids: tuple[str, ...]) -> Statement:
    return _waiting_in_vain(Card.objects.filter(pk__in=ids))


@cache
def _of_all() -> Statement:
    edges = Dependency.objects.filter(~Exists(Card.objects.filter(pk=OuterRef("dependency_id"))))
    return _waiting_in_vain(Card.objects.filter(pk__in=edges.values("card")))


def _waiting_in_vain(cards: CardQuerySet) -> Statement:
    missing = ~Exists(Card.objects.filter(pk=OuterRef("dependency_id")))
    edges = Dependency.objects.filter(missing, card=OuterRef("pk")).order_by("dependency_id")
    found = cards.filter(in_cell("waiting")).annotate(
        needed=Subquery(edges.values("dependency_id")[:1]), total=Window(Count("*"))
    )
    first = found.filter(needed__isnull=False).order_by("status_changed_at", "id")[:ALIKE]
    columns = lines.columns(_FIELDS)
    return first.values_list(*columns, "needed", "total").query.sql_with_params()


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
