"""A card as the verbs return it; how rows are printed: as JSON, and as lines for people.

`Record` is one row of the table `backlog`, whoever reads it: the command prints it, the
queryset makes a model of it. JSON columns stay JSON text, so that no number is rounded on its way.
"""

import json
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final, NamedTuple

from backlog.lifecycle import BLOCKED, IN_REVIEW
from backlog.shown import MOST_OF_A_SENTENCE, flat
from backlog.values import json_text, parse_json


class Record(NamedTuple):
    """One card. Times are aware datetimes; `depends_on` and `acceptance` are JSON text."""

    id: str
    title: str
    body: str | None
    phase: str | None
    priority: int
    status: str
    depends_on: str
    claim_owner: str | None
    claim_ttl_seconds: int | None
    claimed_at: datetime | None
    attempts: int
    idempotency_key: str | None
    acceptance: str | None
    created_at: datetime
    updated_at: datetime
    role: str | None
    max_attempts: int | None
    not_before: datetime | None
    block_reason: str | None
    block_note: str | None
    block_count: int
    answer: str | None
    draft: bool
    gated: bool
    due: datetime | None
    max_runtime: int | None
    projected_tokens: int | None
    projected_cost: Any  # a `Decimal`, or None
    resolution: str | None
    archived_at: datetime | None
    # From here on it stays within: the command prints none of it.
    status_changed_at: datetime
    open_dependencies: int
    has_dependents: bool
    claim_expires_at: datetime | None
    held: bool
    attempts_forgiven: int
    claimable: bool

    @property
    def dependencies(self) -> list[str]:
        """The ids this card waits for, in the order they were added."""
        ids: list[str] = [] if self.depends_on == "[]" else json.loads(self.depends_on)
        return ids

    @property
    def in_review(self) -> bool:
        """Its worker finished it, and it waits for its verdicts."""
        return self.status == BLOCKED and self.block_reason == IN_REVIEW

    @property
    def lease(self) -> str:
        """Whose claim the card is, in which attempt, for a sentence."""
        return f"claimed by {self.claim_owner} in attempt {self.attempts}"


# Columns of JSON: the database gives them as text, and as that text they are printed.
_JSON: Final = ("depends_on", "acceptance", "result")

# What a statement selects or returns to make a Record of a row.
COLUMNS: Final = ", ".join(
    f"backlog.{name}::text AS {name}" if name in _JSON else f"backlog.{name}"
    for name in Record._fields
)

# The same, but None for what is long and judges no move: nothing of it is read or sent.
WITHOUT_TEXTS: Final = COLUMNS.replace("backlog.body", "NULL").replace(
    "backlog.acceptance::text", "NULL"
)

_RENAMED: Final = {"from_status": "from", "to_status": "to", "most": "max"}


def wire_name(name: str) -> str:
    """A field's key in JSON: camelCase, as scripts for the original command expect it."""
    first, *rest = name.split("_")
    return _RENAMED.get(name) or first + "".join(part.title() for part in rest)


# Of a card's fields, those that are printed.
WIRE_NAMES: Final = {
    name: wire_name(name) for name in Record._fields[: Record._fields.index("archived_at") + 1]
}


def to_json(row: Any, timespec: str = "milliseconds") -> str:
    """A named tuple (a card, an event, a run, …) as one line of JSON, `null` for None.

    Every key is present, times are in UTC with Z, numbers keep every digit.
    """
    if row is None:
        return "null"
    kind: Any = type(row)
    pairs = (
        key + (value if is_json and value is not None else _json_value(value, timespec))
        for (key, is_json), value in zip(_keys(kind), row, strict=False)
    )
    return "{" + ",".join(pairs) + "}"


@cache
def _keys(kind: Any) -> tuple[tuple[str, bool], ...]:
    names = WIRE_NAMES if kind is Record else kind._fields
    return tuple((f'"{wire_name(name)}":', name in _JSON) for name in names)


def _json_value(value: Any, timespec: str) -> str:
    # An encoder is made for every value that is no text: a long list would feel it.
    if value is None:
        return "null"
    if type(value) is int:
        return str(value)
    if isinstance(value, datetime):
        return f'"{iso(value, timespec)}"'
    return json_text(value) if isinstance(value, str | bool | list | dict) else f"{value:f}"


def json_value(written: str | None) -> Any:
    """The value of JSON text; numbers too long for Python as they are written."""
    if written is None:
        return None
    try:
        return json.loads(written)
    except ValueError:
        return parse_json(written)


def iso(moment: datetime, timespec: str = "milliseconds") -> str:
    """ISO 8601 in UTC, e.g. 2026-01-31T08:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


def one_line(*fields: object) -> str:
    """The fields separated by tabs; whatever white space stands in one of them is one blank."""
    return "\t".join([flat(str(field), MOST_OF_A_SENTENCE) for field in fields])


def row(*fields: object) -> str:
    """As `one_line`, for a list: each field is cut."""
    return "\t".join([flat(str(field)) for field in fields])


def to_line(card: Record) -> str:
    """The card for people and `cut`: tab-separated, one line, whatever its texts contain."""
    return row(
        card.id,
        f"[{card.status}]",
        f"p={card.priority}",
        f"phase={card.phase or '-'}",
        f"deps={','.join(card.dependencies) or '-'}",
        card.title,
    )
