"""A card as the verbs return it, and its shape on the wire.

`Record` is one row of the table `backlog`, whoever reads it: the command prints it, the
queryset makes a model of it. JSON columns stay JSON text, so that no number is rounded on its way.
"""

import json
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from backlog.values import json_text


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
    # From here on it stays within: the command prints none of it.
    status_changed_at: datetime
    open_dependencies: int
    claim_expires_at: datetime | None
    held: bool
    attempts_forgiven: int
    claimable: bool

    @property
    def dependencies(self) -> list[str]:
        """The ids this card waits for, in the order they were added."""
        ids: list[str] = json.loads(self.depends_on)
        return ids

    @property
    def lease(self) -> str:
        """Who holds the card in which attempt, for a sentence."""
        return f"claimed by {self.claim_owner} in attempt {self.attempts}"


_AS_TEXT: Final = ("depends_on", "acceptance")

# What a statement selects or returns to make a Record of a row.
COLUMNS: Final = ", ".join(
    f"backlog.{name}::text AS {name}" if name in _AS_TEXT else f"backlog.{name}"
    for name in Record._fields
)

# The wire's names are the original command's: its scripts are written against them.
WIRE_NAMES: Final = {
    name: name.split("_")[0] + "".join(part.title() for part in name.split("_")[1:])
    for name in Record._fields[: Record._fields.index("block_count") + 1]
}


_KEYS: Final = tuple((f'"{key}":', name in _AS_TEXT) for name, key in WIRE_NAMES.items())


def to_json(card: Record | None, timespec: str = "milliseconds") -> str:
    """The card as one line of JSON (`null` for None), nulls present, times in UTC with Z."""
    if card is None:
        return "null"
    pairs = (
        key + (str(value) if is_json and value is not None else _json_value(value, timespec))
        for (key, is_json), value in zip(_KEYS, card, strict=False)  # the rest stays within
    )
    return "{" + ",".join(pairs) + "}"


def _json_value(value: Any, timespec: str) -> str:
    # An encoder is made for every value that is no text: a long list would feel it.
    if value is None:
        return "null"
    if isinstance(value, int):
        return str(value)
    return f'"{iso(value, timespec)}"' if isinstance(value, datetime) else json_text(value)


def iso(moment: datetime, timespec: str = "milliseconds") -> str:
    """ISO 8601 in UTC, e.g. 2026-01-31T08:00:00.000Z."""
    return moment.astimezone(UTC).isoformat(timespec=timespec).removesuffix("+00:00") + "Z"


def to_line(card: Record) -> str:
    """The card for people and `cut`: tab-separated, one line, whatever its texts contain."""
    fields = (
        card.id,
        f"[{card.status}]",
        f"p={card.priority}",
        f"phase={card.phase or '-'}",
        f"deps={','.join(card.dependencies) or '-'}",
        card.title,
    )
    return "\t".join(" ".join(field.split()) for field in fields)
