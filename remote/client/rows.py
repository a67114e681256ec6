"""What the server answers, as the rows that the command makes of a database's."""

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from backlog.records import WIRE_NAMES, Record
from backlog.values import Digits, exact_json
from backlog.verbs.history import Event
from backlog.verbs.output import Output

_TIMES: Final = ("claimed_at", "created_at", "updated_at", "not_before", "due", "archived_at")
_JSON: Final = ("depends_on", "acceptance")
# What stays within is not told: as on a card that nobody waits for.
_WITHIN: Final = dict.fromkeys(Record._fields[len(WIRE_NAMES) :])


def card(document: Mapping[str, Any] | None) -> Record | None:
    """The card, given JSON as `values.parse_json` reads it."""
    if document is None:
        return None
    told = {name: _read(name, document.get(key)) for name, key in WIRE_NAMES.items()}
    return Record(**{**_WITHIN, **told})


def cards(documents: list[Mapping[str, Any]]) -> list[Record]:
    return [found for each in documents if (found := card(each)) is not None]


def _read(name: str, value: Any) -> Any:
    if value is None:
        return None
    if name in _JSON:
        return exact_json(value)
    if name in _TIMES:
        return datetime.fromisoformat(value)
    if isinstance(value, Digits):
        return Decimal(value) if name == "projected_cost" else int(value)
    return value


def event(document: Mapping[str, Any]) -> Event:
    """What happened to a card, once."""
    number, card_id, at, actor, verb, before, after, attempt, note = document.values()
    moment = datetime.fromisoformat(at)
    return Event(int(number), card_id, moment, actor, verb, before, after, int(attempt), note)


def output(document: Mapping[str, Any]) -> Output:
    """What is kept of what a command printed."""
    card_id, attempt, before, at, ended, text = document.values()
    moment = datetime.fromisoformat(at)
    return Output(card_id, int(attempt), int(before), moment, ended, text)
