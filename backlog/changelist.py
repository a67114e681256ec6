"""The admin's lists where stock costs too much on a large table: what they count, offer and look up
on each page is bounded or served by an index."""

from calendar import monthrange
from collections.abc import Iterator, Mapping
from contextlib import suppress
from functools import cached_property
from typing import Any, ClassVar, NamedTuple

from django.contrib import admin
from django.contrib.admin.options import IncorrectLookupParameters
from django.contrib.admin.views.main import ChangeList
from django.core.cache import cache
from django.core.exceptions import EmptyResultSet
from django.core.paginator import Paginator
from django.db.models import Min, QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.dates import MONTHS
from django.utils.timezone import localtime

from backlog.lifecycle import BLOCKED, OUTCOMES, REASON_IN_WORDS
from backlog.models import Card
from backlog.verbs import names
from backlog.web.views.activity import VERBS

_FIRST_YEAR = "backlog-first-year"
_HOUR = 3_600


class AtLeast(int):
    """A count that ended early, and says so."""

    def __str__(self) -> str:
        return f"{int(self):,}+"


class BoundedPaginator(Paginator):  # type: ignore[type-arg]  # generic in the stubs only
    """Counts no further than anybody pages: a large table is not read for a number."""

    furthest = 10_000

    @cached_property
    def count(self) -> int:
        """How many rows; `furthest`, as `AtLeast`, if there are more."""
        rows: Any = self.object_list
        found = int(rows.order_by().values("pk")[: self.furthest + 1].count())
        return found if found <= self.furthest else AtLeast(self.furthest)


class ChoiceFilter(admin.SimpleListFilter):
    """Listed from what may be, not from what is: each parameter, and what is shown of it."""

    offered: ClassVar[Mapping[str, str]]

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return list(self.offered.items())


class StateFilter(ChoiceFilter):
    """What can happen to a card next, where its status does not say it.

    A parameter is the name of the queryset's method.
    """

    title = parameter_name = "state"
    offered = {
        "claimable": "claimable",
        "waiting": "waiting",
        "expired": "expired claim",
        "stuck": "stuck",
    }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Card]) -> QuerySet[Card]:
        chosen = self.value()
        return getattr(queryset, chosen)() if chosen in self.offered else queryset


class BlockReasonFilter(ChoiceFilter):
    """Why a card is blocked now; the reason of an earlier block is kept, and is not meant."""

    title, parameter_name = "why it is blocked", "blocked"
    offered = REASON_IN_WORDS

    def queryset(self, request: HttpRequest, queryset: QuerySet[Card]) -> QuerySet[Card]:
        chosen = self.value()
        return queryset.filter(status=BLOCKED, block_reason=chosen) if chosen else queryset


class TypedFilter(admin.SimpleListFilter):
    """One value of a column, typed: there may be thousands, and to list them would read every card.

    The parameter is named like the column.
    """

    template = "admin/backlog/card/typed_filter.html"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        return [("", "")]  # with none at all, Django would leave the filter out

    def choices(self, changelist: Any) -> Iterator[Any]:
        """What the form of the filter carries along; the link that leaves the filter out."""
        yield {
            "value": self.value() or "",
            "carried": [
                (name, value)
                for name, values in changelist.filter_params.items()
                if name != self.parameter_name
                for value in values
            ],
            "without": changelist.get_query_string(remove=[self.parameter_name]),
        }

    def queryset(self, request: HttpRequest, queryset: QuerySet[Card]) -> QuerySet[Card]:
        column, value = str(self.parameter_name), self.value()
        return queryset.filter(**{column: self.found(column, value)}) if value else queryset

    def found(self, column: str, value: str) -> str:
        """The name as it stands in the column."""
        return names.found(Card.objects.session(), column, value)


class PhaseFilter(TypedFilter):
    title = parameter_name = "phase"


class RoleFilter(TypedFilter):
    title = parameter_name = "role"


class ActorFilter(TypedFilter):
    title, parameter_name = "who", "actor"

    def found(self, column: str, value: str) -> str:
        return value.strip()


class OwnerFilter(ActorFilter):
    title, parameter_name = "worker", "owner"


class VerbFilter(ChoiceFilter):
    title, parameter_name = "what happened", "verb"
    offered = {verb: verb for verb in VERBS}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(verb=self.value()) if self.value() else queryset


class OutcomeFilter(ChoiceFilter):
    """How runs ended, or that they have not."""

    title = parameter_name = "outcome"
    offered = {"open": "at work", **{outcome: outcome for outcome in OUTCOMES}}

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen == "open":
            return queryset.filter(outcome=None)
        return queryset.filter(outcome=chosen) if chosen else queryset


class Date(NamedTuple):
    """A link of the date hierarchy."""

    title: str
    link: str


class CheckedChangeList(ChangeList):
    """Stock, but a question without sense is never an error of the server."""

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Any]:
        if any("\0" in value for values in self.filter_params.values() for value in values):
            raise IncorrectLookupParameters("no text has a NUL byte")
        try:
            rows: QuerySet[Any] = super().get_queryset(request, *args, **kwargs)
            with suppress(EmptyResultSet):
                # Some values are refused only here, where nobody else would catch it.
                rows.query.get_compiler(rows.db).as_sql()
        # The year 9999 has no year after it, and 0 is none.
        except (IndexError, OverflowError, TypeError, ValueError) as error:
            raise IncorrectLookupParameters(error) from None
        return rows


class ReadChangeList(CheckedChangeList):
    """Of rows that have a composite key, for which stock makes no address."""

    def url_for_result(self, result: Any) -> str:
        page = f"admin:{self.opts.app_label}_{self.opts.model_name}_change"
        of_model: Any = self.model_admin
        return reverse(page, args=[of_model.address(result)])


class CardChangeList(CheckedChangeList):
    """The list, with a date hierarchy made from the calendar.

    Stock looks up the days that have cards: two passes over the table, for each page.
    """

    def get_queryset(self, request: HttpRequest, *args: Any, **kwargs: Any) -> QuerySet[Card]:
        """Without what no column shows: a far page sorts all cards before it."""
        cards: QuerySet[Card] = super().get_queryset(request, *args, **kwargs)
        return cards.defer("acceptance", "body", "depends_on", "block_note", "answer")

    @property
    def dates(self) -> list[Date]:
        """Years since the first card, the months of a chosen year, the days of a chosen month."""
        year, month = self._chosen("year"), self._chosen("month")
        if month:
            days = range(1, monthrange(year, month)[1] + 1)
            return [self._date(str(day), year=year, month=month, day=day) for day in days]
        if year:
            return [self._date(str(MONTHS[n]), year=year, month=n) for n in range(1, 13)]
        return [self._date(str(each), year=each) for each in _years()]

    @property
    def back(self) -> Date | None:
        """Out of the innermost choice."""
        year, month = self._chosen("year"), self._chosen("month")
        if month and self._chosen("day"):
            return self._date(f"{MONTHS[month]} {year}", year=year, month=month)
        if month:
            return self._date(str(year), year=year)
        return self._date("All dates") if year else None

    def _chosen(self, part: str) -> int:
        """That part of the chosen date, which Django has checked; 0 if it is not chosen."""
        field = self.date_hierarchy
        given = self.params if f"{field}__year" in self.params else {}
        return int(given.get(f"{field}__{part}", 0))

    def _date(self, title: str, **parts: Any) -> Date:
        field = self.date_hierarchy
        chosen = {f"{field}__{part}": value for part, value in parts.items()}
        return Date(title, self.get_query_string(chosen, [f"{field}__"]))


def _years() -> range:
    """From the oldest card's on; which is asked for once an hour, for it takes a scan."""
    this_year = localtime().year

    def first() -> int:
        oldest = Card.objects.aggregate(oldest=Min("created_at"))["oldest"]
        return localtime(oldest).year if oldest else this_year

    return range(cache.get_or_set(_FIRST_YEAR, first, _HOUR) or this_year, this_year + 1)
