"""Lines of JSON that are cards: read and checked, nothing written. Pure functions.

A line has the keys of the command's JSON. Every refusal names its line.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import DuplicateId, DuplicateKey, Refusal, UsageError
from backlog.lifecycle import CLAIMED, MOST_COUNTED
from backlog.records import WIRE_NAMES

# Told a stage, and how many lines have passed it.
Progress = Callable[[str, int], None]


class Line(NamedTuple):
    """One checked line: its number from 1, the columns it gives, the values of all `COLUMNS`."""

    number: int
    given: list[str]
    row: tuple[Any, ...]


# `updated_at` is the database's own: what a line says of it is checked and left.
COLUMNS: Final = tuple(name for name in WIRE_NAMES if name != "updated_at")


def read_lines(lines: Iterable[bytes], progress: Progress) -> list[Line]:
    """Check every line; blank ones are skipped. `progress` is told of each."""
    read: list[Line] = []
    ids: dict[str, int] = {}
    keys: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        with naming(number):
            if line.strip():
                card = _read_line(line)
                _refuse_repeat(DuplicateId, "id", card["id"], ids, number)
                _refuse_repeat(
                    DuplicateKey, "idempotencyKey", card.get("idempotency_key"), keys, number
                )
                row = tuple(card.get(name) for name in COLUMNS)
                read.append(Line(number, [n for n in COLUMNS if n in card], row))
        progress("checked", number)
    return read


@contextmanager
def naming(number: int) -> Iterator[None]:
    """Put the line's number in front of a refusal."""
    try:
        yield
    except Refusal as refusal:
        raise type(refusal)(f"line {number}: {refusal}") from None


def _read_line(line: bytes) -> dict[str, Any]:
    try:
        text = line.decode("utf-8-sig").strip()  # some editors put a byte order mark first
        document = values.parse_json(text)
    except ValueError as error:
        raise UsageError(f"not a JSON object: {getattr(error, 'msg', error)}") from None
    if not isinstance(document, dict):
        raise UsageError("not a JSON object")
    unknown = sorted(document.keys() - _READERS.keys())
    if unknown:
        raise UsageError(f"unknown key {unknown[0]}; known are {', '.join(_READERS)}")
    if not isinstance(document.get("id"), str):
        raise UsageError("id is missing or not a text")
    card = {}
    for key, (column, read) in _READERS.items():
        if key in document:
            value = document[key]
            card[column] = None if value is None else read(value, key)
    return _consistent(card, text)


def _consistent(card: dict[str, Any], text: str) -> dict[str, Any]:
    if card["id"] in (card.get("depends_on") or ()):
        values.dependencies(card["depends_on"], card["id"])
    held = [card.get(column) is not None for column in WIRE_NAMES if column.startswith("claim")]
    if any(held) if card.get("status") != CLAIMED else not all(held):
        raise UsageError(
            "claimOwner, claimTtlSeconds and claimedAt belong to status claimed, all three"
        )
    if card.get("acceptance") is not None:
        card["acceptance"] = text  # the database takes it from there, every digit kept
    if card.get("depends_on") is not None:
        card["depends_on"] = values.json_text(card["depends_on"])
    return {c: v for c, v in card.items() if v is not None or c not in _NEVER_NULL}


_NEVER_NULL: Final = (
    "title",
    "priority",
    "status",
    "depends_on",
    "attempts",
    "created_at",
    "block_count",
)


def _text(value: Any, key: str) -> str:
    if not isinstance(value, str) or isinstance(value, values.Digits):
        raise UsageError(f"{key} must be a text")
    return value


def _integer(low: int, high: int = values.INT_MAX) -> Callable[[Any, str], int]:
    def read(value: Any, key: str) -> int:
        if not isinstance(value, values.Digits):
            raise UsageError(f"{key} must be a whole number")
        return values.integer(value, key, low, high)

    return read


def _ids(value: Any, key: str) -> list[str]:
    if not isinstance(value, list):
        raise UsageError(f"{key} must be an array of ids")
    return values.dependencies([_text(item, f"each of {key}") for item in value])


def _acceptance(value: Any, key: str) -> Any:
    values.check_json(value, key)
    return value


_READERS: Final[dict[str, tuple[str, Callable[[Any, str], Any]]]] = {
    WIRE_NAMES[column]: (column, read)
    for column, read in {
        "id": lambda v, k: values.name(_text(v, k), k),
        "title": lambda v, k: values.line(_text(v, k), k),
        "body": lambda v, k: values.text(_text(v, k), k),
        "phase": lambda v, k: values.optional(_text(v, k), k),
        "priority": _integer(values.INT_MIN),
        "status": lambda v, k: values.status(_text(v, k)),
        "depends_on": _ids,
        "claim_owner": lambda v, k: values.name(_text(v, k), k),
        "claim_ttl_seconds": _integer(1),
        "claimed_at": lambda v, k: values.moment(_text(v, k), k),
        "attempts": _integer(0, MOST_COUNTED),
        "idempotency_key": lambda v, k: values.line(_text(v, k), k),
        "acceptance": _acceptance,
        "created_at": lambda v, k: values.moment(_text(v, k), k),
        "updated_at": lambda v, k: values.moment(_text(v, k), k),
        "role": lambda v, k: values.optional(_text(v, k), k),
        "max_attempts": _integer(0, MOST_COUNTED),
        "not_before": lambda v, k: values.moment(_text(v, k), k),
        "block_reason": lambda v, k: values.block_reason(_text(v, k)),
        "block_note": lambda v, k: values.optional(_text(v, k), k),
        "block_count": _integer(0, MOST_COUNTED),
    }.items()
}


def _refuse_repeat(
    refusal: type[Refusal], key: str, value: str | None, lines: dict[str, int], number: int
) -> None:
    if value is None:
        return
    if value in lines:
        raise refusal(f"{key} {value} stands on line {lines[value]} already")
    lines[value] = number
