"""Cards and events as a line shows them: of a long text only the beginning leaves the database."""

from collections.abc import Iterable
from typing import Any, Final

from django.db import DEFAULT_DB_ALIAS
from django.db.models import QuerySet, TextField
from django.db.models.functions import Cast, Left

from backlog.lifecycle import LONGEST_NAME
from backlog.models import Card, Event, Run
from backlog.querysets import CardQuerySet
from backlog.templatetags.backlog import LINE

# Fields of a card that may be as long as a book. A name is a link, and so whole if it is a new one.
_LONG: Final = {"title": LINE, "claim_owner": LONGEST_NAME, "block_note": LINE}


def start(name: Any, most: int = LINE) -> Left:
    """Of this column what the filter `line` needs: one character more tells that there are more."""
    return Left(name, most + 1)


def text(document: str) -> Cast:
    """Of a column of JSON its text."""
    return Cast(document, TextField())


def in_order(*names: str) -> tuple[str, ...]:
    """These fields of a card in the model's order, as `card` takes their values."""
    return tuple(f.attname for f in Card._meta.concrete_fields if f.attname in names)


def columns(names: Iterable[str]) -> list[Any]:
    """What `values_list` reads for these fields."""
    return [start(name, _LONG[name]) if name in _LONG else name for name in names]


def card(names: tuple[str, ...], values: Iterable[Any], **more: Any) -> Card:
    """A card to be shown, never to be saved: these values, and these attributes."""
    made = Card.from_db(DEFAULT_DB_ALIAS, names, list(values))
    for name, value in more.items():
        setattr(made, name, value)
    return made


def cards(chosen: CardQuerySet, names: tuple[str, ...], *more: str) -> list[Card]:
    """The cards with these fields and annotations; no other is read."""
    rows = chosen.values_list(*columns(names), *more)
    width = len(names)
    return [card(names, row[:width], **dict(zip(more, row[width:], strict=True))) for row in rows]


def events(chosen: QuerySet[Event], note: int = LINE) -> Any:
    """The events with `who` and `said`, the beginnings of their actors and notes."""
    return chosen.annotate(who=start("actor", LONGEST_NAME), said=start("note", note)).defer(
        "actor", "note"
    )


def runs(chosen: QuerySet[Run], summary: int, result: int) -> Any:
    """The runs with `said` and `told`, the beginnings of their summaries and of their results as
    JSON text, which Python would round."""
    begun = chosen.annotate(said=start("summary", summary), told=start(text("result"), result))
    return begun.defer("summary", "result")
