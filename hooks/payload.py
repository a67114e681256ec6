"""What is sent: the message as JSON, and as a title and a text for people."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog.errors import NotFound
from backlog.records import COLUMNS, Record, iso, one_line, to_json, to_line, wire_name
from backlog.session import Session
from backlog.shown import visible
from backlog.values import json_text
from backlog.verbs.rules import Pause
from fleet.verbs.escalations import Escalation

# Bytes. Of what is longer, texts of more than so many characters are left out, and named.
MOST: Final = 256 * 1024
_LONG: Final = 2000


class Spent(NamedTuple):
    """A budget as it came to its end, by whom."""

    phase: str
    tokens: int | None
    cost: Decimal | None
    spent_tokens: int
    spent_cost: Decimal
    actor: str


class Done(NamedTuple):
    """A phase without an open card, and how many cards it has."""

    phase: str
    cards: int


class Test(NamedTuple):
    """A message that says nothing but who wants to see it arrive."""

    actor: str


class Message(NamedTuple):
    """JSON of at most `MOST` bytes; and for people a title of a line, and a text of a few."""

    json: bytes
    title: str
    text: str


# A row as it was when the message was written, with the types of its table.
_ROW: Final = """
FROM hooks_delivery AS delivery, jsonb_populate_record(NULL::{table}, data -> '{key}') AS {table}
WHERE delivery.id = %s AND data -> '{key}' <> 'null'"""


def _rows(what: str, table: str, key: str) -> str:
    return f"SELECT {what} {_ROW.format(table=table, key=key)}"


_CARD: Final = _rows(COLUMNS, "backlog", "card")
_READ: Final[dict[type[Any], str]] = {
    Escalation: _rows(
        ", ".join(f"fleet_escalation.{name}" for name in Escalation._fields),
        "fleet_escalation",
        "escalation",
    ),
    Pause: _rows("scope, name, reason, actor, since", "backlog_rule", "rule"),
    Spent: _rows(
        "name, tokens, cost, spent_tokens, spent_cost, data ->> 'actor'", "backlog_rule", "rule"
    ),
    Done: "SELECT data ->> 'phase', (data ->> 'cards')::bigint FROM hooks_delivery WHERE id = %s",
    Test: "SELECT data ->> 'actor' FROM hooks_delivery WHERE id = %s",
}
_KINDS: Final[dict[str, type[Any]]] = {
    "escalation.raised": Escalation,
    "claims.paused": Pause,
    "budget.spent": Spent,
    "phase.done": Done,
    "webhook.test": Test,
}
_BESIDE: Final = "SELECT data ->> 'actor', data ->> 'held_by' FROM hooks_delivery WHERE id = %s"


def message(session: Session, delivery: int, kind: str, at: datetime) -> Message:
    """What this delivery says: something of this `kind` (its `type`) has happened at this moment.

    Raises `NotFound` if it is gone, with its subscription.
    """
    row, more = _said(session, delivery, kind)
    full = _json(kind, at, row, more)
    if len(full) > MOST:
        full = _json(kind, at, *_shorter(row, more))
    title, *lines = (visible(one_line(each)) for each in _lines(row, more))
    return Message(full, f"{kind}: {title}", "\n".join(lines) or title)


def _said(session: Session, delivery: int, kind: str) -> tuple[Any, dict[str, Any]]:
    """The row that it is about, and what is said beside that."""
    card = next(map(Record._make, session.rows(_CARD, (delivery,))), None)
    if kind not in _KINDS:
        actor, held_by = _one(session, _BESIDE, delivery)
        return card, {"actor": actor, "held_by": held_by}
    made = _KINDS[kind]
    row = made(*_one(session, _READ[made], delivery))
    return row, {"card": card} if made is Escalation else {}


def _one(session: Session, sql: str, delivery: int) -> Any:
    for row in session.rows(sql, (delivery,)):
        return row
    raise NotFound(f"there is no delivery {delivery} any more")


def _json(kind: str, at: datetime, row: Any, more: dict[str, Any]) -> bytes:
    beside = "".join(f',"{wire_name(name)}":{_value(value)}' for name, value in more.items())
    data = f"{to_json(row)[:-1]}{beside}}}"
    return f'{{"type":"{kind}","timestamp":"{iso(at)}","data":{data}}}'.encode()


def _value(value: Any) -> str:
    return to_json(value) if hasattr(value, "_fields") else json_text(value)


def _shorter(row: Any, more: dict[str, Any]) -> tuple[Any, dict[str, Any]]:
    """Both with null for each long text, whose names are said in `omitted`."""
    omitted = [*_long(row), *(name for each in more.values() for name in _long(each))]
    shorter = {name: _without(value) for name, value in more.items()}
    return _without(row), {**shorter, "omitted": [wire_name(name) for name in omitted]}


def _long(row: Any) -> list[str]:
    pairs = row._asdict().items() if hasattr(row, "_fields") else ()
    return [name for name, value in pairs if isinstance(value, str) and len(value) > _LONG]


def _without(row: Any) -> Any:
    return row._replace(**dict.fromkeys(_long(row))) if hasattr(row, "_fields") else row


def _lines(row: Any, more: dict[str, Any]) -> Iterator[str]:
    """The lines for people, the first of which is the title."""
    if isinstance(row, Record):
        yield f"{row.id} {row.title}"
        yield to_line(row)
        if row.block_reason:
            yield ": ".join(filter(None, [row.block_reason, row.block_note]))
        if more["held_by"]:
            yield f"held by {more['held_by']}"
    elif isinstance(row, Escalation):
        yield row.reason
        yield f"escalation {row.id}, raised {row.raised} times, by {row.actor}"
        if more["card"]:
            yield to_line(more["card"])
    elif isinstance(row, Pause):
        yield str(row)
        yield f"{row.reason} ({row.actor})"
    elif isinstance(row, Spent):
        yield f"phase {row.phase}"
        yield f"{row.spent_tokens} tokens, {row.spent_cost:f} in cost"
    elif isinstance(row, Done):
        yield f"phase {row.phase}"
        yield f"{row.cards} cards"
    else:
        yield f"asked for by {row.actor}"
