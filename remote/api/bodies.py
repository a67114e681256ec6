"""JSON that somebody sent: every value is one that can be kept, and written again."""

import json
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any

from backlog.errors import UsageError


def read(body: bytes, number: Callable[[str], Any] = Decimal, what: str = "the body") -> Any:
    """The value. `number` reads what has a point or an exponent; `what` it is, for a sentence.

    Raises `UsageError`.
    """
    try:
        given = json.loads(body, parse_float=number, parse_constant=_none)
        if b"\\" in body:  # half of a pair of surrogates, which is no character
            json.dumps(given, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} must be text: it has half of a pair of \\u escapes") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} must be JSON, an object: {error}") from None
    return given


def finite(digits: str) -> float:
    """For who would take 1e400 for nothing at all. Raises `ValueError`."""
    number = float(digits)
    return number if isfinite(number) else _none(digits)


def _none(word: str) -> Any:
    raise ValueError(f"{word[:20]} is no number that JSON has")
