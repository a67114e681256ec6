"""Words of elsewhere made what a card may have: cut, composed, without what nobody sees."""

import re
import unicodedata
from datetime import UTC, datetime
from functools import cache
from typing import Final

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_NAME, LONGEST_TEXT

CUT: Final = "…"


def text(value: str, longest: int = LONGEST_TEXT) -> str:
    """What the database can hold: no NUL, no half of a character, no longer than that."""
    held = value.replace("\0", "\N{REPLACEMENT CHARACTER}")
    held = re.sub("[\ud800-\udfff]", "\N{REPLACEMENT CHARACTER}", held)
    return held if len(held) <= longest else held[: longest - 1] + CUT


def name(value: str, instead: str = "") -> str:
    """What a phase may be called, or an id but for its commas; empty if nothing is left of it.
    What cannot be seen is left out, or is what stands for it.
    """
    composed = unicodedata.normalize("NFC", " ".join(text(value).split()))
    if len(composed) > LONGEST_NAME:
        composed = composed[: LONGEST_NAME - 1] + CUT
    if not _is_name(composed):
        composed = "".join(c if _is_seen(c) else instead for c in composed).strip()
        while composed and not _is_name(composed):  # a mark without its letter
            composed = composed[1:]
    return composed


def card_id(value: str) -> str:
    """What a card may be called: a name without a comma."""
    return name(value.replace(",", "_"), "_")


def moment(value: str) -> str | None:
    """A time with its offset; without one it is of UTC. None if it is no time of ours."""
    try:
        parsed = datetime.fromisoformat(value.strip())
        aware = parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)
        return values.moment(aware.isoformat(), "time").isoformat()
    except (ValueError, OverflowError, UsageError):
        return None


def _is_name(value: str) -> bool:
    try:
        return values.name(value) == value
    except UsageError:
        return False


@cache
def _is_seen(character: str) -> bool:
    return _is_name(f"x{character}x")
