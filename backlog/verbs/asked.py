"""What is asked for many cards, a JSON object each: read and checked. Pure functions."""

from collections.abc import Callable, Sequence
from typing import Any, Final

from backlog import values
from backlog.errors import Refusal, UsageError
from backlog.lifecycle import CLAIMED
from backlog.records import WIRE_NAMES
from backlog.shown import cut
from backlog.verbs.faults import place
from backlog.verbs.framing import documents
from backlog.verbs.lines import cost_of, integer_of, text_of


def read_asked(lines: Sequence[bytes], keys: Sequence[str]) -> list[dict[str, Any]]:
    """Of each object its `id`, and whatever it gives of the other keys, ready for the verbs.

    A card as the command prints it is such an object: its other keys are left out, and if it is
    claimed, its attempts are the `attempt`; `null` is no card. Raises `UsageError`, which names the
    line.
    """
    asked = []
    for line, element, document in documents(lines):
        if document is None:  # `claim --json` where there was none
            continue
        try:
            asked.append(_read(document, keys))
        except UsageError as refusal:
            raise UsageError(f"{place(line, element)}: {refusal}") from None
    return asked


def _read(document: Any, keys: Sequence[str]) -> dict[str, Any]:
    if isinstance(document, Refusal):
        raise UsageError(f"{document}; {_AWAITED}")
    if not isinstance(document, dict):
        raise UsageError(f"not a JSON object; {_AWAITED}")
    unknown = [key for key in document if key not in keys and key not in _OF_A_CARD]
    if unknown:
        raise UsageError(f"unknown key {cut(unknown[0], 40)}; known are {', '.join(keys)}")
    if document.get("status") == CLAIMED:
        document = {"attempt": document.get("attempts"), **document}
    given = [key for key in keys if document.get(key) is not None]
    if "id" not in given:
        raise UsageError("id is missing")
    return {key: _READERS[key](document[key], key) for key in given}


_AWAITED: Final = 'what is awaited is {"id": …}, or what claim, list and show print with --json'
_OF_A_CARD: Final = frozenset(WIRE_NAMES.values())


def _id(value: Any, key: str) -> str:
    return values.line(text_of(value, key), key)


_READERS: Final[dict[str, Callable[[Any, str], Any]]] = {
    "id": _id,
    "on": _id,
    "attempt": integer_of(1),
    "summary": lambda value, key: values.text(text_of(value, key), key),
    "result": values.checked_json,
    "tokens": integer_of(0, values.BIGINT_MAX),
    "cost": cost_of,
}
