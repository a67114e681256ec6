"""The SELECT that a claim takes cards by, as the ORM compiles `CardQuerySet.next_to_claim`."""

from collections.abc import Sequence
from functools import lru_cache
from typing import Any, Final

from django.apps import apps
from django.db import models, transaction
from django.db.models import Expression, Func, Q, Subquery
from django.db.models.functions import Coalesce, Now
from django.db.models.lookups import GreaterThan

from backlog.lifecycle import READY
from backlog.session import Statement
from backlog.verbs.pool import EVERYTHING, Condition, Pool, Shape

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

    def next_to_claim(
        self, count: int, gated: bool, closed: Sequence[str], roles: Sequence[str] = ()
    ) -> Statement:
        if not self._whole:
            return _compile(self._cards, self._pool, self._using, count, gated, closed, roles)
        sql = _kept(self._using, self._pool.shape, count, gated, len(closed), len(roles))
        return sql, (*self._pool.given, *closed, *roles)


@lru_cache(maxsize=64)
def _kept(using: str, shape: Shape, count: int, gated: bool, closed: int, roles: int) -> str:
    """The statement for all cards: of each shape it is compiled once, which takes 0.2 ms."""
    own = tuple(str(n) for n in range(shape[2]))
    among = Pool("" if shape[0] else None, "" if shape[1] else None, own, shape[3])
    cards = apps.get_model("backlog", "Card").objects
    # Distinct, or the ORM would make one of them.
    names = [[str(n) for n in range(number)] for number in (closed, roles)]
    return _compile(cards.using(using), among, using, count, gated, *names)[0]


def _compile(
    cards: Cards,
    among: Pool,
    using: str,
    count: int,
    gated: bool,
    closed: Sequence[str],
    roles: Sequence[str],
) -> Statement:
    chosen = cards.filter(_gate()) if gated else cards
    chosen = _narrowed(chosen, among)
    if closed:
        chosen = chosen.exclude(phase__in=closed)
    if roles:
        chosen = chosen.exclude(role__in=roles)
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
    if among.role is not None:
        cards = cards.filter(Q(role=among.role) | Q(role__isnull=True))
    if among.roles:
        cards = cards.filter(Q(role__in=among.roles) | Q(role__isnull=True))
    return cards.filter(role__isnull=False) if among.named else cards
