"""Pages of cards in an order of the reader's."""

from typing import Any, Final

from django.core.paginator import Page, Paginator
from django.db.models import F
from django.db.models.lookups import Exact

from backlog import values
from backlog.lifecycle import DONE
from backlog.models import Card
from backlog.querysets import CardQuerySet
from backlog.web.queries import large, lines
from backlog.web.queries.filters import Filter
from backlog.web.queries.shown import SHOWN

PAGE: Final = 50

# In which order they stand if nobody asks.
CLAIMS: Final = "claim"
NEWEST: Final = "newest"
# The names that a URL uses, with what they are called and the order they mean; with `-` before it,
# the other way round.
SORTS: Final = {
    "claim": ("order of claims, what is done last", ("-priority", "created_at", "id")),
    "longest": ("longest as it is", ("status_changed_at", "id")),
    "changed": ("last changed", ("-updated_at", "id")),
    "newest": ("newest", ("-created_at", "id")),
    "id": ("id", ("id",)),
    "title": ("title", ("title", "id")),
    "attempts": ("most attempts", ("-attempts", "id")),
    "lease": ("end of lease", ("claim_expires_at", "id")),
    "due": ("due", ("due", "id")),
}


def is_in_part(chosen: Filter) -> bool:
    """Whether the pages are of some of the cards only."""
    return large.is_looked_at_in_part(Card.objects.session(), chosen)


def sorted_by(sort: str) -> tuple[str, str, bool]:
    """The name of a sort, what it is called, and whether it goes down. Raises `UsageError`."""
    name = values.one_of(sort.removeprefix("-"), "sort", SORTS)
    called, (first, *_) = SORTS[name]
    turned = sort.startswith("-")
    return name, called + ", the other way round" * turned, first.startswith("-") != turned


def _order(sort: str) -> list[Any]:
    """As `order_by` takes it. What is done is claimed no more: it comes last, whichever way. Only
    who has a lease has an end of it, and not every card is due: the others come last."""
    name = sorted_by(sort)[0]
    fields = SORTS[name][1]
    first = [Exact(F("status"), DONE)] if name == CLAIMS else []
    if not sort.startswith("-"):
        return [*first, *fields]
    turned = [each[1:] if each.startswith("-") else f"-{each}" for each in fields]
    last = ("-claim_expires_at", "-due")
    return [
        *first,
        *(F(each[1:]).desc(nulls_last=True) if each in last else each for each in turned),
    ]


def cards(chosen: Filter, sort: str = CLAIMS, number: int = 1) -> Page[Card]:
    """A page of cards; pages count from 1, and the last stands for all beyond. Or `UsageError`.

    Of a large backlog, of those that `large.looked_at` says.
    """
    found = _found(chosen).order_by(*_order(sort))
    pages = Paginator(found, PAGE)
    number = min(number, pages.num_pages)
    page = found.with_expired().with_late().with_state()[(number - 1) * PAGE : number * PAGE]
    return Page(lines.cards(page, SHOWN, "expired", "late", "state"), number, pages)


def matching(chosen: Filter) -> Any:
    """All that the pages of `cards` show together, by id, as `Seen` needs them."""
    return _found(chosen).order_by("id").only("id", "status", "updated_at")


def _found(chosen: Filter) -> CardQuerySet:
    in_part = is_in_part(chosen)
    found = chosen.cards(of_few=in_part)
    return found.filter(large.looked_at(chosen)) if in_part else found
