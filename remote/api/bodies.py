"""JSON that somebody sent: every value is one that can be kept, and written again."""

import json
from collections.abc import Callable
from decimal import Decimal
from math import isfinite
from typing import Any, Final

from backlog.errors import UsageError

_LONGEST_SHOWN: Final = 40
_GONE: Final = object()
# The second is what curl says of what it is given, unasked.
_TAKEN: Final = ("application/json", "application/x-www-form-urlencoded")


class NotTaken(UsageError):
    """A body that is said to be something else than JSON as it is."""

    code = "unsupported_media_type"


def check_kind(content_type: str, encoding: str) -> None:
    """Of a body, as its headers have it: JSON may come without a word, but what is said to be
    something else would be read as what nobody sent. Raises `NotTaken`."""
    if encoding.strip().lower() not in ("", "identity"):
        raise NotTaken(f"the body must be sent as it is, not with Content-Encoding: {encoding}")
    is_json = content_type.startswith("application/") and content_type.endswith("+json")
    if content_type and content_type not in _TAKEN and not is_json:
        raise NotTaken(f"the body must be JSON, Content-Type: application/json, not {content_type}")


def read(body: bytes, number: Callable[[str], Any] = Decimal, what: str = "the body") -> Any:
    """The value. `number` reads what has a point or an exponent; `what` it is, for a sentence.

    Raises `UsageError`.
    """
    try:
        given = json.loads(
            body, parse_float=number, parse_constant=_none, object_pairs_hook=_each_once
        )
        if b"\\" in body:  # half of a pair of surrogates, which is no character
            json.dumps(given, ensure_ascii=False, default=str).encode()
    except UnicodeEncodeError:
        raise UsageError(f"{what} must be text: it has half of a pair of \\u escapes") from None
    except _Twice as twice:
        raise UsageError(f"{what} must have each name once in an object: {twice}") from None
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{what} must be JSON, an object: {error}") from None
    return given


def finite(digits: str) -> float:
    """For who would take 1e400 for nothing at all. Raises `ValueError`."""
    number = float(digits)
    return number if isfinite(number) else _none(digits)


class _Twice(ValueError):
    """A name that stands twice in an object: of two values nobody knows which was meant."""


def _each_once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if made.pop(name, _GONE) is _GONE)
        shown = twice[:_LONGEST_SHOWN].encode("utf-8", "backslashreplace").decode()
        raise _Twice(f"{shown} is there twice")
    return made


def _none(word: str) -> Any:
    raise ValueError(f"{word[:20]} is no number that JSON has")
