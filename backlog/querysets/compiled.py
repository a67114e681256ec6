"""The SELECT that a claim takes cards by, as the ORM compiles `CardQuerySet.next_to_claim`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from django.apps import apps
from django.db import models, transaction
from django.db.models import Expression, Func, Subquery
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import GreaterThan

from backlog.lifecycle import READY
from backlog.session import Statement
from backlog.verbs.pool import EVERYTHING, Condition, Pool

Cards = Any  # a `CardQuerySet`, which imports this module


class Place(Expression):
    """Where the version of a card is that a statement sees: its `ctid`."""

    output_field = models.TextField()

    def as_sql(self, *args: Any, **kwargs: Any) -> tuple[str, tuple[()]]:
        return '"backlog"."ctid"', ()


# In the statement's text and no parameter: only so does the planner see that the index serves.
_READY: Final = Func(template=f"'{READY}'", output_field=models.TextField())
_TRUE: Final = Func(template="true", output_field=models.BooleanField())


class Compiled:
    """What a claim takes cards from: a queryset, narrowed; as SQL, which the ORM compiles."""

    def __init__(self, cards: Cards, among: Pool, using: str) -> None:
        self._cards, self._pool, self._using = cards, among, using
        self._whole = cards.condition() == EVERYTHING

    def condition(self) -> Condition:
        found: Condition = _narrowed(self._cards, self._pool).condition()
        return found

    def next_to_claim(self, count: int, gated: bool, closed: Sequence[str]) -> Statement:
        if not self._whole:
            return _compile(self._cards, self._pool, self._using, count, gated, closed)
        given = tuple(value for value in self._pool if value is not None)
        wanted = tuple(value is not None for value in self._pool)
        return _kept(self._using, wanted, count, gated, len(closed)), (*given, *closed)


@lru_cache(maxsize=64)
def _kept(using: str, wanted: tuple[bool, ...], count: int, gated: bool, closed: int) -> str:
    """The statement for all cards: of each shape it is compiled once, which takes 0.2 ms."""
    among = Pool(*("" if is_wanted else None for is_wanted in wanted))
    cards = apps.get_model("backlog", "Card").objects
    phases = [str(n) for n in range(closed)]  # distinct, or the ORM would make one of them
    return _compile(cards.using(using), among, using, count, gated, phases)[0]


def _compile(
    cards: Cards,
    among: Pool,
    using: str,
    count: int,
    gated: bool,
    closed: Sequence[str],
) -> Statement:
    chosen = cards.filter(_gate()) if gated else cards
    chosen = _narrowed(chosen, among)
    if closed:
        chosen = chosen.exclude(phase__in=closed)
    places: Any = chosen.annotate(ctid=Place()).values("ctid")
    places = places.next_to_claim(count)
    # Django compiles a lock only in a transaction. Nothing is sent: this one is empty.
    with transaction.atomic(using=using, savepoint=False):
        sql, params = places.query.get_compiler(using).as_sql()
    return sql, tuple(params)


def _gate() -> Any:
    """No rule is due: a claim need not look at pauses, limits and holds."""
    first_due = apps.get_model("backlog", "Rule").objects.order_by("due").values("due")[:1]
    return Coalesce(GreaterThan(Subquery(first_due), Now()), _TRUE)


def _narrowed(cards: Cards, among: Pool) -> Cards:
    if among.phase is not None:
        # The status, which a claimable card has anyway, as it is not archived, makes it a range of
        # `backlog_lanes`.
        cards = cards.filter(phase=among.phase, status=_READY, archived_at__isnull=True)
    return cards if among.role is None else cards.filter(role=among.role)
