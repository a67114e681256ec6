"""What stands in a file, read as cards and checked, nothing written. Pure functions.

An object has the keys of the command's JSON. Every fault names its line, or element of an array.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import DuplicateId, DuplicateKey, Refusal, UsageError
from backlog.lifecycle import BLOCK_REASONS, CLAIMED, DONE, MOST_COUNTED, RESOLUTIONS
from backlog.records import WIRE_NAMES
from backlog.verbs.faults import At, Faults, UnknownKeys
from backlog.verbs.framing import backlog

# Told a stage, how far it is, and of how much.
Progress = Callable[[str, int, int], None]

# Where an object begins, as `framing.Found` has it, what it is, and the lines of keys of it.
Object = tuple[int, int, Any, Mapping[str, int]]


class Line(NamedTuple):
    """One checked object: where it begins, the columns it gives, the values of all `COLUMNS`, and
    the ids that no new card may have, with what each is here.
    """

    line: int
    element: int
    given: list[str]
    row: tuple[Any, ...]
    odd: list[tuple[str, str]]

    @property
    def at(self) -> At:
        return self.line, self.element


# `updated_at` is the database's own: what a line says of it is checked and left.
COLUMNS: Final = tuple(name for name in WIRE_NAMES if name != "updated_at")


def read_lines(
    lines: Sequence[bytes], progress: Progress, faults: Faults, ignored: UnknownKeys | None = None
) -> list[Line]:
    """The cards that are right; `faults` is told of the others, and `ignored` of unknown keys,
    which are faults without it. `progress` is told of each card.
    """
    found = ((*each, dict[str, int]()) for each in backlog(lines))
    return read_found(found, len(lines), progress, faults, ignored)


def read_found(
    found: Iterable[Object],
    total: int,
    progress: Progress,
    faults: Faults,
    ignored: UnknownKeys | None = None,
) -> list[Line]:
    """As `read_lines`, of objects that were found already, the last one near line `total`."""
    read: list[Line] = []
    ids: dict[str, Line] = {}
    keys: dict[str, Line] = {}
    unknown = UnknownKeys() if ignored is None else ignored
    wrong = Faults(faults.most, faults.where)
    for number, element, document, lines_of in found:
        card, refused, strange = _read(document)
        odd = card.pop(_ODD, [])
        given = [name for name in COLUMNS if name in card]
        line = Line(number, element, given, tuple(map(card.get, COLUMNS)), odd)
        for kind, key, value, seen in (
            (DuplicateId, "id", card.get("id"), ids),
            (DuplicateKey, "idempotencyKey", card.get(_KEY), keys),
        ):
            first = line if value is None else seen.setdefault(value, line)
            if first is not line:
                where = faults.where(*first.at)
                refused.append((key, kind(f"{key} {value} stands on {where} already")))
        for key, refusal in refused:
            wrong.add((lines_of.get(key, number), element), refusal)
        unknown.add(strange, number, element)
        if not refused:
            read.append(line)
        progress("checked", number, total)
    if ignored is None:
        unknown.report(faults, list(_READERS))
    faults.extend(wrong)
    return read


def _read(document: Any) -> tuple[dict[str, Any], list[tuple[str, Refusal]], Sequence[str]]:
    """The columns that the object gives, what is wrong with it at which key, the keys that no card
    has."""
    wrong = _no_card(document)
    if wrong is not None:
        return {}, [("", wrong)], ()
    card: dict[str, Any] = {}
    refused: list[tuple[str, Refusal]] = []
    if document.get("id") is None:
        refused.append(("id", UsageError("id is missing")))
    for key, (column, read) in _READERS.items():
        if key in document:
            value = document[key]
            try:
                card[column] = None if value is None else read(value, key)
            except Refusal as refusal:
                refused.append((key, refusal))
    if not refused:
        try:
            card = _consistent(card)
        except Refusal as refusal:
            refused.append(("", refusal))
    return card, refused, sorted(document.keys() - _READERS.keys())


def _no_card(document: Any) -> Refusal | None:
    """Why this can be no card at all, if it cannot."""
    if not isinstance(document, dict):
        return document if isinstance(document, Refusal) else UsageError("not a JSON object")
    if "id" in document:
        return None
    for key, value in document.items():
        if isinstance(value, list) and all(isinstance(each, dict) for each in value):
            return UsageError(
                f"this is no card but holds an array of objects: take that out first,"
                f" for example jq '.{key[:40]}' FILE | backlog import -"
            )
    if document and all(isinstance(value, dict) for value in document.values()):
        return UsageError(
            "this is no card but holds objects by name: make an array of them first, for example"
            " jq '[to_entries[] | {id: .key} + .value]' FILE | backlog import -"
        )
    return None


def _consistent(card: dict[str, Any]) -> dict[str, Any]:
    if card["id"] in (card.get("depends_on") or ()):
        values.dependencies(card["depends_on"], card["id"])
    held = [card.get(column) is not None for column in WIRE_NAMES if column.startswith("claim")]
    if any(held) if card.get("status") != CLAIMED else not all(held):
        raise UsageError(
            "claimOwner, claimTtlSeconds and claimedAt belong to status claimed, all three"
        )
    over = [card.get(column) is not None for column in ("resolution", "archived_at")]
    if any(over) and card.get("status", DONE) != DONE:
        raise UsageError("resolution and archivedAt belong to status done")
    ids = [(card["id"], "id"), *((i, "dependency") for i in card.get("depends_on") or ())]
    card[_ODD] = [(each, what) for each, what in ids if not values.is_new_id(each)]
    if card.get("depends_on") is not None:
        card["depends_on"] = values.json_text(card["depends_on"])
    return {c: v for c, v in card.items() if v is not None or c not in _NEVER_NULL}


_KEY: Final = "idempotency_key"
_ODD: Final = "odd"  # no column: see `Line`
_NEVER_NULL: Final = (
    *("title", "priority", "status", "depends_on", "attempts", "created_at", "block_count"),
    *("draft", "gated"),
)


def text_of(value: Any, key: str) -> str:
    """What is a text in JSON. Raises `UsageError`."""
    if not isinstance(value, str) or isinstance(value, values.Digits):
        raise UsageError(f"{key} must be a text")
    return value


def integer_of(low: int, high: int = values.INT_MAX) -> Callable[[Any, str], int]:
    """Reads what is a whole number in JSON, within these bounds. Raises `UsageError`."""

    def read(value: Any, key: str) -> int:
        if not isinstance(value, values.Digits):
            raise UsageError(f"{key} must be a whole number")
        return values.integer(value, key, low, high)

    return read


def cost_of(value: Any, key: str) -> str:
    """What is a cost in JSON: a number, or its text. Raises `UsageError`."""
    return values.cost(str(value) if isinstance(value, values.Digits) else text_of(value, key), key)


def _ids(value: Any, key: str) -> list[str]:
    if not isinstance(value, list):
        raise UsageError(f"{key} must be an array of ids")
    return values.dependencies([text_of(item, f"each of {key}") for item in value])


_READERS: Final[dict[str, tuple[str, Callable[[Any, str], Any]]]] = {
    WIRE_NAMES[column]: (column, read)
    for column, read in {
        "id": lambda v, k: values.line(text_of(v, k), k).strip(),
        "title": lambda v, k: values.line(text_of(v, k), k),
        "body": lambda v, k: values.text(text_of(v, k), k),
        "phase": lambda v, k: values.optional_name(text_of(v, k), k),
        "priority": integer_of(values.INT_MIN),
        "status": lambda v, k: values.status(text_of(v, k)),
        "depends_on": _ids,
        "claim_owner": lambda v, k: values.name(text_of(v, k), k),
        "claim_ttl_seconds": integer_of(1),
        "claimed_at": lambda v, k: values.moment(text_of(v, k), k),
        "attempts": integer_of(0, MOST_COUNTED),
        "idempotency_key": lambda v, k: values.key(text_of(v, k), k),
        "acceptance": values.checked_json,
        "created_at": lambda v, k: values.moment(text_of(v, k), k),
        "updated_at": lambda v, k: values.moment(text_of(v, k), k),
        "role": lambda v, k: values.optional_name(text_of(v, k), k),
        "max_attempts": integer_of(0, MOST_COUNTED),
        "not_before": lambda v, k: values.moment(text_of(v, k), k),
        "block_reason": lambda v, k: values.one_of(text_of(v, k), k, BLOCK_REASONS),
        "block_note": lambda v, k: values.optional(text_of(v, k), k),
        "block_count": integer_of(0, MOST_COUNTED),
        "answer": lambda v, k: values.optional(text_of(v, k), k),
        "draft": values.whether,
        "gated": values.whether,
        "due": lambda v, k: values.moment(text_of(v, k), k),
        "max_runtime": integer_of(1),
        "projected_tokens": integer_of(0, values.BIGINT_MAX),
        "projected_cost": cost_of,
        "resolution": lambda v, k: values.one_of(text_of(v, k), k, RESOLUTIONS),
        "archived_at": lambda v, k: values.moment(text_of(v, k), k),
    }.items()
}
