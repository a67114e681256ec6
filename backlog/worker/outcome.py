"""What the end of a command means for its card. Pure functions."""

import math
import random
import signal
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import GIVEN_REASONS
from backlog.values import Digits

SUCCESS: Final = 0
TEMPORARY: Final = 75  # EX_TEMPFAIL
NEEDS_A_PERSON: Final = 78  # EX_CONFIG

COMPLETED: Final = "completed"
BLOCKED: Final = "blocked"
RELEASED: Final = "released"
FAILED: Final = "failed"

DEFAULT_REASON: Final = "needs_input"

_LONGEST_TEXT: Final = 10_000
_MOST_COST: Final = Decimal("99999999999999.9999995")  # from here on it is rounded to 15 digits
_LONGEST_DELAY: Final = 3600


class Said(NamedTuple):
    """What a command says of its attempt; `ignored` tells what of it could not be used."""

    summary: str | None = None
    result: str | None = None
    tokens: int | None = None
    cost: str | None = None
    reason: str | None = None
    note: str | None = None
    ignored: tuple[str, ...] = ()


def outcome_of(status: int) -> str:
    """How an attempt ends whose command ended so."""
    return {SUCCESS: COMPLETED, TEMPORARY: RELEASED, NEEDS_A_PERSON: BLOCKED}.get(status, FAILED)


def ending(status: int, last_line: str | None) -> str:
    """How it ended, in one line; `status` as `subprocess` gives it."""
    how = f"exit status {status}" if status >= 0 else f"killed by {signal_name(-status)}"
    return f"{how}: {last_line}" if last_line else how


def signal_name(number: int) -> str:
    """As people know it; real-time ones have no names."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"


def backoff(base: int, attempt: int) -> int:
    """Seconds before the next attempt: twice as long after each, an hour at most, with jitter."""
    longest = min(base << min(attempt - 1, 20), max(base, _LONGEST_DELAY))
    return math.ceil(random.uniform(0.5, 1) * longest)  # noqa: S311 (not a secret)


def said(lines: Sequence[bytes]) -> Said:
    """The last of these lines that is a JSON object; a value that cannot be used is ignored."""
    answer = next((found for line in reversed(lines) if (found := _object(line)) is not None), {})
    kept: dict[str, Any] = {}
    ignored = []
    for key, (name, check) in _KEYS.items():
        if answer.get(key) is not None:
            try:
                kept[name] = check(answer[key])
            except UsageError as error:
                ignored.append(f"{key}: {error}")
    return Said(**kept, ignored=tuple(ignored))


def _object(line: bytes) -> dict[str, Any] | None:
    try:
        found = values.parse_json(line.decode())
    except (ValueError, UsageError):
        return None
    return found if isinstance(found, dict) else None


def _text(value: Any) -> str:
    if not isinstance(value, str) or isinstance(value, Digits):
        raise UsageError("it must be text")
    values.line(value, "it")
    return value if len(value) <= _LONGEST_TEXT else value[:_LONGEST_TEXT] + "…"


def _tokens(value: Any) -> int:
    if not isinstance(value, Digits):
        raise UsageError("it must be a number")
    return values.integer(value, "it", 0, values.BIGINT_MAX)


def _cost(value: Any) -> str:
    if not isinstance(value, Digits):
        raise UsageError("it must be a number")
    try:
        number = Decimal(value)
    except ArithmeticError:  # an exponent that even Decimal does not hold
        number = Decimal(-1)
    if not 0 <= number < _MOST_COST:
        raise UsageError(f"it must be at least 0 and below {_MOST_COST}")
    return f"{number.copy_abs():.6f}"


_KEYS: Final[dict[str, tuple[str, Callable[[Any], Any]]]] = {
    "summary": ("summary", _text),
    "result": ("result", partial(values.checked_json, name="it")),
    "tokens": ("tokens", _tokens),
    "cost": ("cost", _cost),
    "blockReason": ("reason", partial(values.one_of, name="it", known=GIVEN_REASONS)),
    "note": ("note", _text),
}
