"""What a value must be before it may reach a card. Pure functions: a value in, a value out.

Every face uses these, so that a value refused at the command line is refused in a form or in
an imported line by the same sentence. All raise `UsageError`.
"""

import json
import re
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any, Final

from backlog import lifecycle
from backlog.errors import Cycle, UsageError

INT_MIN: Final = -(2**31)
INT_MAX: Final = 2**31 - 1
BIGINT_MAX: Final = 2**63 - 1

_INTEGER = re.compile(r"[+-]?[0-9]+")
# json.dumps would make an encoder at every call that asks for other than its defaults.
_ENCODER: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))
_MAX_JSON_DEPTH: Final = 200
# Of a number, before and after the point: what PostgreSQL's `numeric` has room for.
_MOST_DIGITS: Final = 131_072
_MOST_DECIMALS: Final = 16_383
_LONGEST_ACTOR: Final = 200
CONTROL: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def text(value: str, name: str = "text", longest: int = lifecycle.LONGEST_TEXT) -> str:
    """Any text the database can hold: no NUL byte, valid Unicode, no longer than that."""
    if not isinstance(value, str):
        raise UsageError(f"{name} must be text, not {_shown(value)}")
    if len(value) > longest:
        raise UsageError(f"{name} must have at most {longest} characters, not {len(value)}")
    if "\0" in value:
        raise UsageError(f"{name} must not contain a NUL byte")
    try:
        value.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{name} must be valid UTF-8 text") from None
    return value


def line(value: str, name: str, longest: int = lifecycle.LONGEST_TEXT) -> str:
    """Text that is not blank."""
    if not text(value, name, longest).strip():
        raise UsageError(f"{name} must not be blank")
    return value


def key(value: str, name: str = "idempotency key") -> str:
    """What deduplicates: as it was given, to the last blank."""
    return line(value, name, lifecycle.LONGEST_KEY)


def name(value: str, what: str = "name") -> str:
    """What a worker, a phase or a role may be called from now on: trimmed, and all of it visible.

    What is called otherwise, from before or by psql, is still found as it is called:
    `verbs.names`.
    """
    trimmed = text(line(value, what).strip(), what, lifecycle.LONGEST_NAME)
    if not (trimmed.isascii() and trimmed.isprintable()):  # else there is nothing to find
        from backlog.visible import refuse_unseen

        refuse_unseen(trimmed, what, len(value) - len(value.lstrip()))
    return trimmed


def new_id(value: str, what: str = "id") -> str:
    """What a card may be called from now on: a name without a comma."""
    trimmed = name(value, what)
    if "," in trimmed:
        at = value.index(",") + 1
        raise UsageError(
            f"{what} must not contain a comma (character {at}), where lists of ids are split;"
            " docs/limits.md says how a card that has one is renamed"
        )
    return trimmed


def is_new_id(value: str) -> bool:
    """Whether a card may be called just so from now on."""
    try:
        return new_id(value) == value
    except UsageError:
        return False


def actor(value: str) -> str:
    """Who acts, for the history: what can be seen of it, on one line; empty if nothing can.

    An account's name comes from elsewhere and must not break a command, whatever is in it.
    """
    shown = "".join(c if c.isprintable() else " " for c in value)[:_LONGEST_ACTOR]
    return " ".join(shown.split())


def integer(value: str, name: str = "number", low: int = INT_MIN, high: int = INT_MAX) -> int:
    """Decimal digits with an optional sign, within `low` and `high` (both allowed)."""
    if not _INTEGER.fullmatch(value):
        raise UsageError(f"{name} must be a whole number in decimal digits, not {_short(value)}")
    try:
        number = int(value)
    except ValueError:  # more digits than Python converts
        number = high + 1
    if not low <= number <= high:
        raise UsageError(f"{name} must be between {low} and {high}, not {_short(value)}")
    return number


def optional(value: str, name: str, check: Callable[[str, str], str] = text) -> str | None:
    """What `check` makes of it, or None when it is blank: an unset shell variable names nothing."""
    return check(value, name) if text(value, name).strip() else None


def optional_name(value: str, what: str) -> str | None:
    """A name, or None when it is blank."""
    return optional(value, what, name)


def optional_key(value: str, name: str) -> str | None:
    """What deduplicates, or None when it is blank."""
    return optional(value, name, key)


def one_of(value: str, name: str, known: Iterable[str]) -> str:
    if value not in known:
        raise UsageError(f"{name} must be one of {', '.join(known)}, not {_short(value)}")
    return value


def status(value: str) -> str:
    return one_of(value, "status", lifecycle.STATUSES)


def block_reason(value: str) -> str:
    return one_of(text(value, "reason"), "reason", lifecycle.GIVEN_REASONS)


def dependencies(ids: Iterable[str], own_id: str | None = None) -> list[str]:
    """Ids trimmed, blanks and repeats dropped, in the order they were given.

    Of cards that there are, or may be one day: see `verbs.names.refuse_impossible`.
    """
    if isinstance(ids, str) or not isinstance(ids, Iterable):
        raise UsageError(f"dependencies must be a list of ids, not {_shown(ids)}")
    kept = list(dict.fromkeys(i.strip() for i in ids if text(i, "dependency").strip()))
    ids_text(kept)
    if own_id is not None and own_id in kept:
        raise Cycle(f"{own_id} cannot depend on itself")
    return kept


def json_text(value: Any) -> str:
    """Compact JSON on one line, text as it is."""
    return _ENCODER.encode(value)


def ids_text(ids: list[str]) -> str:
    """JSON text of a card's dependencies. Raises `UsageError` if they are too many."""
    written = json_text(ids)
    length = len(written) + len(ids[1:])  # PostgreSQL puts blanks between
    if length > lifecycle.LONGEST_JSON:
        refused = f"{lifecycle.LONGEST_JSON} characters at most, written as JSON, not {length}"
        raise UsageError(f"dependencies must have {refused}")
    return written


def acceptance(value: str) -> str | None:
    """JSON text for the criteria: what `value` says if it is JSON, else a list of its parts.

    Parts are separated by newlines or `;`; blanks are dropped, so that `;;` is the empty list. JSON
    keeps every digit. None for JSON null and for blanks.
    """
    text(value, "acceptance")
    try:
        document = parse_json(value)
    except ValueError:
        parts = [p.strip() for p in re.split(r"[\n;]", value) if p.strip()]
        return json_text(parts) if value.strip() else None
    return None if document is None else checked_json(document, "acceptance")


def document(value: str, name: str) -> str:
    """JSON text whose numbers keep every digit."""
    text(value, name)
    try:
        parsed = parse_json(value)
    except ValueError as error:
        raise UsageError(f"{name} must be JSON: {getattr(error, 'msg', error)}") from None
    return checked_json(parsed, name)


def parse_json(value: str) -> Any:
    """Standard JSON only (no NaN); numbers stay text, so none is too long. Raises ValueError."""
    try:
        return json.loads(value, parse_int=Digits, parse_float=Digits, parse_constant=_no_constant)
    except RecursionError:
        raise UsageError("JSON is nested too deeply") from None


class Digits(str):
    """A JSON number as it was written."""

    __slots__ = ()


def exact_json(document: Any) -> str:
    """JSON text of what `parse_json` gave: every digit, and of a repeated key the last value."""
    if isinstance(document, Digits):
        return str(document)
    if isinstance(document, list):
        return f"[{','.join(map(exact_json, document))}]"
    if isinstance(document, dict):
        pairs = (f"{json_text(key)}:{exact_json(item)}" for key, item in document.items())
        return f"{{{','.join(pairs)}}}"
    return json_text(document)


def checked_json(document: Any, name: str) -> str:
    """As `exact_json`, of what the database can hold: see `check_json`."""
    check_json(document, name)
    return exact_json(document)


def _no_constant(word: str) -> None:
    raise ValueError(f"{word} is not JSON")


def check_json(document: Any, name: str, depth: int = 0) -> None:
    """Refuse what jsonb cannot hold: NUL, lone surrogates, absurd nesting; and what is too long."""
    if depth > _MAX_JSON_DEPTH:
        raise UsageError(f"{name} is nested more than {_MAX_JSON_DEPTH} levels deep")
    if isinstance(document, str):
        text(document, name)
        before, after = _digits(document) if isinstance(document, Digits) else (0, 0)
        if before > _MOST_DIGITS or after > _MOST_DECIMALS:
            raise UsageError(
                f"{name} has a number that is too long: {_MOST_DIGITS} digits before the point and"
                f" {_MOST_DECIMALS} after it are the most, written out (1e9 is a 1 with nine zeros)"
            )
    elif isinstance(document, list):
        for item in document:
            check_json(item, name, depth + 1)
    elif isinstance(document, dict):
        for key, item in document.items():
            text(key, name)
            check_json(item, name, depth + 1)
    if not depth and written_length(document) > lifecycle.LONGEST_JSON:
        raise UsageError(
            f"{name} is longer than {lifecycle.LONGEST_JSON} characters, its numbers written out"
            " (1e9 is a 1 with nine zeros)"
        )


_NUMBER: Final = re.compile(r"-?([0-9]+)(?:\.([0-9]+))?(?:[eE]([+-]?[0-9]+))?")


def written_length(document: Any) -> int:
    """Of JSON as `parse_json` gives it: how long the database writes it, with all its zeros."""
    if isinstance(document, list):
        return 2 + sum(written_length(item) + 2 for item in document)
    if isinstance(document, dict):
        return 2 + sum(
            written_length(key) + written_length(item) + 4 for key, item in document.items()
        )
    if isinstance(document, Digits):
        return 2 + sum(_digits(document)) if "e" in document.lower() else len(document)
    return len(json_text(document))


def _digits(number: Digits) -> tuple[int, int]:
    """How many digits a number has before the point and after it, written out."""
    found = _NUMBER.fullmatch(number)
    whole, fraction, exponent = found.groups(default="") if found else (number, "", "")
    size = exponent.lstrip("+-0")
    shift = int(size or 0) if len(size) < 10 else lifecycle.LONGEST_JSON  # no number has as many
    shift *= -1 if exponent.startswith("-") else 1
    seen = (whole + fraction).lstrip("0")
    return max(1, len(seen) + shift - len(fraction) if seen else 1), max(0, len(fraction) - shift)


def moment(value: str, name: str) -> datetime:
    """An ISO 8601 time with its offset from UTC, in UTC."""
    try:
        parsed = datetime.fromisoformat(value)
    except ValueError:
        raise UsageError(f"{name} must be an ISO 8601 time, not {_short(value)}") from None
    if parsed.tzinfo is None:
        raise UsageError(f"{name} must carry its offset from UTC (or Z), not {_short(value)}")
    try:
        return _in_range(parsed.astimezone(UTC), name)
    except OverflowError:  # in the year 9999, a day late by its offset
        raise UsageError(f"{name} is out of range: {_short(value)}") from None


def _in_range(value: datetime, name: str) -> datetime:
    if not lifecycle.EARLIEST <= value <= lifecycle.LATEST:
        years = f"from the year {lifecycle.EARLIEST:%Y} on and before {lifecycle.LATEST:%Y}"
        raise UsageError(f"{name} must be {years}, not in {value:%Y}")
    return value


def _short(value: str) -> str:
    shown = json.dumps(value, default=repr)  # from Python it may be anything
    return shown if len(shown) <= 60 else shown[:56] + '…"'


def _shown(value: object) -> str:
    """What is no text, in few and harmless words: a string of it may be of any length."""
    return f"{type(value).__name__} {_short(_repr(value))}"


def _repr(value: object) -> str:
    try:
        return repr(value)
    except ValueError:  # more digits than Python writes
        return "of thousands of digits"


def ttl(value: int) -> int:
    """A lease in seconds: at least 1."""
    return at_least(value, "ttl", 1)


def at_least(value: int, name: str, low: int) -> int:
    """A whole number from `low` to the largest that the database's integers hold."""
    return between(value, name, low, INT_MAX)


def count(value: int, name: str) -> int:
    """How often, or how many: what something may be added to."""
    return between(value, name, 0, lifecycle.MOST_COUNTED)


def between(value: int, name: str, low: int, high: int) -> int:
    """A whole number from `low` to `high`."""
    if type(value) is not int or not low <= value <= high:  # True is no number here
        shown = _repr(value)[:40] if type(value) in (int, bool) else _shown(value)
        raise UsageError(f"{name} must be a whole number between {low} and {high}, not {shown}")
    return value


def since(value: Any, name: str) -> datetime:
    """A time that some card was changed at."""
    if isinstance(value, datetime) and value.tzinfo is not None:
        return value
    raise UsageError(f"{name} must be a time with its offset from UTC, not {_shown(value)}")


def given_moment(value: datetime, name: str) -> datetime:
    """A time as Python has it, with its offset from UTC."""
    if not isinstance(value, datetime):
        raise UsageError(f"{name} must be a time, not {_shown(value)}")
    if value.tzinfo is None:
        raise UsageError(f"{name} must carry its offset from UTC")
    return _in_range(value, name)


def cost(value: Any, name: str) -> str:
    """A number such as 0.25, a text or a `Decimal`, as decimal text."""
    written = f"{value:f}" if hasattr(value, "as_tuple") else text(value, name)
    if not _COST.fullmatch(written):
        right = "must be a number such as 0.25, with up to 6 decimals"
        raise UsageError(f"{name} {right}, not {_short(written)}")
    return written


_COST: Final = re.compile(r"[0-9]{1,14}(\.[0-9]{1,6})?")


def tokens(value: int, name: str) -> int:
    return between(value, name, 0, BIGINT_MAX)


def whether(value: Any, name: str) -> bool:
    """True or false, and nothing that means the same."""
    if not isinstance(value, bool):
        raise UsageError(f"{name} must be true or false")
    return value


def switch(value: str, name: str) -> bool:
    """Whether it is on."""
    return one_of(value, name, ("on", "off")) == "on"
