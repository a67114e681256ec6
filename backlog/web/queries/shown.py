"""What a cell of the board shows of a card."""

from typing import Any, Final, NamedTuple

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db.models import Case, Count, Func, OuterRef, Subquery, TextField, Value, When
from django.db.models.functions import Coalesce

from backlog.lifecycle import DONE
from backlog.models import Card, Dependency
from backlog.querysets import REVIEWED, CardQuerySet, in_cell
from backlog.web.queries import lines

# A card waits for at most these of its dependencies by name.
_CHIPS: Final = 4

# The fields of a card that a line or two about it show.
SHOWN: Final = lines.in_order(
    *("id", "title", "phase", "priority", "status", "claimable", "held", "not_before"),
    *("claim_owner", "claim_expires_at", "attempts", "open_dependencies"),
    *("block_reason", "block_note", "status_changed_at", "updated_at"),
)


class Shown(NamedTuple):
    """What a cell shows of a card, as values.

    A cell must be another one when any value is; two `Card`s with one id are equal in any case.

    `values` are those of `SHOWN`; `waits_for` and `holds_up` are as `Card` says.
    """

    values: tuple[Any, ...]
    expired: bool
    cell: str
    waits_for: tuple[tuple[str, str], ...]
    holds_up: int

    @property
    def card(self) -> Card:
        """The card with these values; no other is read."""
        more = {name: getattr(self, name) for name in self._fields[1:]}
        return lines.card(SHOWN, self.values, **more)


def rows(cards: CardQuerySet) -> Any:
    """Rows of `SHOWN`, `expired`, `cell`, `waits_for` (None unless it waits), `holds_up`."""
    needed = Card.objects.filter(pk=OuterRef("dependency_id")).with_cell()
    look = Case(When(REVIEWED, then=Value("review")), default="cell", output_field=TextField())
    state = Coalesce(Subquery(needed.values_list(look)), Value("missing", TextField()))
    edges = Dependency.objects.filter(card=OuterRef("pk")).annotate(state=state)
    pair = Func("dependency_id", "state", template="ARRAY[%(expressions)s]", output_field=_PAIR)
    chips = edges.exclude(state=DONE).order_by("dependency_id").values_list(pair)[:_CHIPS]
    waits_for = Case(When(in_cell("waiting"), then=ArraySubquery(chips)))
    dependents = Dependency.objects.filter(dependency=OuterRef("pk")).exclude(card__status=DONE)
    number = dependents.values("dependency").annotate(number=Count("*")).values("number")
    holds_up = Coalesce(Subquery(number), 0)
    of_cards = cards.with_expired().with_cell()
    columns = lines.columns(SHOWN)
    return of_cards.values_list(*columns, "expired", "cell", waits_for, holds_up)


_PAIR: Final = ArrayField(TextField())
