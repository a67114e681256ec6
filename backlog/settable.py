"""The fields of a card that somebody may set, and what each of them may be."""

from collections.abc import Callable
from typing import Any, Final

from backlog import values
from backlog.errors import UsageError

FIELDS: Final[dict[str, Callable[[Any], Any]]] = {
    "title": lambda value: values.line(value, "title"),
    "body": lambda value: values.text(value, "body"),
    "phase": lambda value: values.optional_name(value, "phase"),
    "priority": lambda value: values.at_least(value, "priority", values.INT_MIN),
    "depends_on": values.dependencies,
    "idempotency_key": values.key,
    "acceptance": lambda value: values.document(value, "acceptance"),
    "role": lambda value: values.optional_name(value, "role"),
    "max_attempts": lambda value: values.count(value, "max attempts"),  # 0: no cap
    "not_before": lambda value: values.given_moment(value, "not_before"),
    "due": lambda value: values.given_moment(value, "due"),
    "max_runtime": lambda value: values.at_least(value, "max_runtime", 1),
    "projected_tokens": lambda value: values.tokens(value, "projected_tokens"),
    "projected_cost": lambda value: values.cost(value, "projected_cost"),
    "gated": lambda value: values.whether(value, "gated"),
    "draft": lambda value: values.whether(value, "draft"),
}

_REQUIRED: Final = ("title", "priority", "depends_on", "gated", "draft")


def checked(given: dict[str, Any]) -> dict[str, Any]:
    """The fields of a card that a caller may set, each checked; None clears an optional one.

    Raises `UsageError`.
    """
    read = {}
    for key, value in given.items():
        if key not in FIELDS:
            raise UsageError(f"there is no field {key} to set; there are {', '.join(FIELDS)}")
        if value is None and key in _REQUIRED:
            raise UsageError(f"{key} must not be empty")
        read[key] = None if value is None else FIELDS[key](value)
    return read
