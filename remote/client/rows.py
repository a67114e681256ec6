"""The server's JSON as the rows that verbs give.

Every value is checked, for whoever reads a row counts on what a database can hold. What is no such
row raises `ValueError`, `TypeError`, `LookupError` or `UsageError`, which `wire.Answer.read` tells.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Final

from backlog.records import WIRE_NAMES, Record
from backlog.values import BIGINT_MAX, INT_MAX, INT_MIN, Digits, cost, exact_json, integer
from backlog.verbs.history import Event
from backlog.verbs.output import Output

# The columns that JSON does not have.
_WITHIN: Final = dict.fromkeys(Record._fields[len(WIRE_NAMES) :])


def card(document: Mapping[str, Any] | None) -> Record | None:
    """The card, given JSON as `values.parse_json` reads it."""
    if document is None:
        return None
    told = {name: _field(name, document.get(key)) for name, key in WIRE_NAMES.items()}
    return Record(**{**_WITHIN, **told})


def existing(document: Mapping[str, Any] | None) -> Record:
    """A card that must be there."""
    found = card(document)
    if found is None:
        raise ValueError("no card")
    return found


def cards(documents: Any, most: int) -> list[Record]:
    """An array of so many cards at most."""
    if not isinstance(documents, list) or len(documents) > most:
        raise ValueError("no array of these cards")
    return [existing(each) for each in documents]


def event(document: Mapping[str, Any]) -> Event:
    """An event in the history of a card."""
    return Event(
        id=_whole(document["id"], 0, BIGINT_MAX),
        card_id=_text(document["cardId"]),
        at=_moment(document["at"]),
        actor=_text(document["actor"]),
        verb=_text(document["verb"]),
        from_status=_or_none(_text, document["from"]),
        to_status=_or_none(_text, document["to"]),
        attempt=_whole(document["attempt"], 0),
        note=_or_none(_text, document["note"]),
    )


def output(document: Mapping[str, Any]) -> Output:
    """What is kept of what a command printed."""
    text = _string(document["text"])
    text.encode("utf-8", "surrogateescape")  # what is no UTF-8 stands in it so
    return Output(
        card_id=_text(document["cardId"]),
        attempt=_whole(document["attempt"], 0),
        before=_whole(document["before"], 0, BIGINT_MAX),
        written_at=_moment(document["writtenAt"]),
        ended=_flag(document["ended"]),
        text=text,
    )


def _field(name: str, value: Any) -> Any:
    if value is None and name not in _ALWAYS:
        return None
    return _READERS.get(name, _text)(value)


def _or_none(read: Any, value: Any) -> Any:
    return None if value is None else read(value)


def _string(value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, Digits):
        raise TypeError("no text")
    return value


def _text(value: Any) -> str:
    """What a database holds, and an environment: no NUL, no half of a character."""
    text = _string(value)
    text.encode()
    if "\0" in text:
        raise ValueError("a NUL byte")
    return text


def _digits(value: Any) -> Digits:
    if not isinstance(value, Digits):
        raise TypeError("no number")
    return value


def _whole(value: Any, low: int, high: int = INT_MAX) -> int:
    return integer(_digits(value), low=low, high=high)


def _flag(value: Any) -> bool:
    if not isinstance(value, bool):
        raise TypeError("neither true nor false")
    return value


def _moment(value: Any) -> datetime:
    moment = datetime.fromisoformat(_string(value))
    if moment.tzinfo is None:
        raise ValueError("no offset from UTC")
    return moment.astimezone(UTC)


def _json(value: Any) -> str:
    text = exact_json(value)
    text.encode()
    return text


def _ids(value: Any) -> str:
    if not isinstance(value, list):
        raise TypeError("no array")
    return _json([_text(each) for each in value])


# The columns of a card that are no text.
_READERS: Final[Mapping[str, Any]] = {
    **dict.fromkeys(("claimed_at", "created_at", "updated_at"), _moment),
    **dict.fromkeys(("not_before", "due", "archived_at"), _moment),
    **dict.fromkeys(("draft", "gated"), _flag),
    "depends_on": _ids,
    "acceptance": _json,
    "priority": partial(_whole, low=INT_MIN),
    **dict.fromkeys(("attempts", "max_attempts", "block_count"), partial(_whole, low=0)),
    **dict.fromkeys(("claim_ttl_seconds", "max_runtime"), partial(_whole, low=1)),
    "projected_tokens": partial(_whole, low=0, high=BIGINT_MAX),
    "projected_cost": lambda value: Decimal(cost(str(_digits(value)), "cost")),
}
_ALWAYS: Final = ("id", "title", "priority", "status", "depends_on", "attempts")
