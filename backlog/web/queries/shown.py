"""What a cell of the board shows of a card."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, Final, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, Count, Func, OuterRef, Subquery, TextField, Value, When
from django.db.models.functions import Coalesce

from backlog.lifecycle import BLOCKED, DONE, IN_REVIEW
from backlog.models import Card, Dependency
from backlog.querysets import CardQuerySet, in_cell
from backlog.verbs.search import Hit
from backlog.web.queries import lines

# A card waits for at most these of its dependencies by name.
_CHIPS: Final = 4


class Shown(NamedTuple):
    """What a cell shows of a card, as values: a page has hundreds, and a model takes its time.

    `waits_for`: some of what it waits for, as pairs of an id and its state ("missing": there is no
    such card); None unless it waits. `holds_up`: how many unfinished cards wait for it.
    """

    id: str
    title: str
    priority: int
    status: str
    draft: bool
    held: bool
    not_before: datetime | None
    due: datetime | None
    phase: str | None
    claim_owner: str | None
    claim_expires_at: datetime | None
    attempts: int
    open_dependencies: int
    block_reason: str | None
    block_note: str | None
    status_changed_at: datetime
    updated_at: datetime
    expired: bool
    late: bool
    cell: str
    waits_for: list[list[str]] | None
    holds_up: int

    @property
    def in_review(self) -> bool:
        """Whether it waits for its verdicts."""
        return self.block_reason == IN_REVIEW and self.status == BLOCKED


_COLUMNS: Final = Shown._fields[: Shown._fields.index("expired")]

# The fields of a card that a line or two about it show, as `lines.cards` takes them.
SHOWN: Final = lines.in_order(*_COLUMNS)


def rows(cards: CardQuerySet) -> Any:
    """The values of a `Shown` each; `waits_for` is an array of arrays, or None."""
    needed: Any = Card.objects.filter(pk=OuterRef("dependency_id")).with_state()
    state = Coalesce(Subquery(needed.values_list("state")), Value("missing", TextField()))
    edges = Dependency.objects.filter(card=OuterRef("pk")).annotate(state=state)
    pair = Func("dependency_id", "state", template="ARRAY[%(expressions)s]", output_field=_PAIR)
    chips = edges.exclude(state=DONE).order_by("dependency_id").values_list(pair)[:_CHIPS]
    waits_for = Case(When(in_cell("waiting"), then=ArraySubquery(chips)))
    dependents = Dependency.objects.filter(dependency=OuterRef("pk")).exclude(card__status=DONE)
    number = dependents.values("dependency").annotate(number=Count("*")).values("number")
    holds_up = Coalesce(Subquery(number), 0)
    of_cards = cards.with_expired().with_late().with_cell()
    columns = lines.columns(_COLUMNS)
    return of_cards.values_list(*columns, "expired", "late", "cell", waits_for, holds_up)


def states(hits: Iterable[Hit]) -> list[tuple[Hit, str]]:
    """Each with what pages call the state of its card; a search knows its cell only."""
    found = list(hits)
    blocked = [hit.id for hit in found if hit.cell == BLOCKED]
    cards: Any = Card.objects.filter(pk__in=blocked).with_state()
    called = dict(cards.values_list("pk", "state"))  # of no ids Django asks nothing
    return [(hit, called.get(hit.id, hit.cell)) for hit in found]


_PAIR: Final = ArrayField(TextField())
