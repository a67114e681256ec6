"""What nobody sees in a name, or takes for something else: two names that look alike are one.

Apart from `values`, which needs it for few names: Python's table of characters is slow to load.
"""

import re
import unicodedata as unicode
from typing import Final

from backlog.errors import UsageError

_KINDS: Final = {
    "Cc": "a control character",
    "Zl": "a control character",
    "Zp": "a control character",
    "Cf": "a format character",
    "Zs": "not the usual blank",
}
_BLANKS: Final = " \u3000"  # the second is as wide as the letters around it, and seen
# Letters, marks and symbols to Unicode, and yet nothing to see: fillers, joiners, blank Braille.
_INVISIBLE: Final = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u2800\u3164\uffa0]"
    "|[\ufe00-\ufe0f\U000e0100-\U000e01ef]"  # variants of the character before
)
_EMOJI: Final = "\ufe0f"
_KEYCAP: Final = "\u20e3"


def refuse_unseen(name: str, what: str, before: int = 0) -> None:
    """Raise `UsageError` for the first such character; `before` it, so many were trimmed."""
    for at in range(len(name)):
        if problem := _problem(name, at):
            shown = _shown(name[at], before + at)
            raise UsageError(f"{what} must be one line of visible text: {shown} is {problem}")
    if not unicode.is_normalized("NFC", name):
        start, end = _decomposed(name)
        part = name[start:end]
        after = f", after {part[:-1]}," if part[1:] else ""
        raise UsageError(
            f"{what} must be composed (Unicode NFC): {_shown(part[-1], before + end - 1)}{after}"
            f" should be {unicode.normalize('NFC', part)}"
        )


def _problem(name: str, at: int) -> str | None:
    character, kind = name[at], unicode.category(name[at])
    if kind in _KINDS and character not in _BLANKS:
        return _KINDS[kind]
    if at == 0 and kind.startswith("M"):
        return "a mark without a letter before it"
    if _INVISIBLE.match(character) and not _makes_emoji(name, at):
        return "invisible"
    return None


def _makes_emoji(name: str, at: int) -> bool:
    """Whether it gives the symbol before it its colours, as keyboards write it: seen after all."""
    after_symbol = unicode.category(name[at - 1]).startswith("S")
    return name[at] == _EMOJI and (after_symbol or name[at + 1 : at + 2] == _KEYCAP)


def _decomposed(name: str) -> tuple[int, int]:
    """From where to where the first part reaches that is not composed."""
    composed = unicode.normalize("NFC", name)
    pairs = enumerate(zip(name, composed, strict=False))
    start = next(at for at, (one, other) in pairs if one != other)
    ends = range(start + 1, len(name) + 1)
    changed = (end for end in ends if not unicode.is_normalized("NFC", name[start:end]))
    return start, next(changed, len(name))


def _shown(character: str, at: int) -> str:
    """A character by its number and name, never itself: it may not be seen, or do something."""
    name = unicode.name(character, "")
    return f"U+{ord(character):04X}{name and f' {name}'} (character {at + 1})"
