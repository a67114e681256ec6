"""What the command of a run printed, as HTML: its colours are classes, and nothing else acts."""

import re
from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from backlog.shown import COLOUR, in_lines, visible

# HTML that colours may make of a text that is at most `lifecycle.LONGEST_OUTPUT` bytes; beyond that
# it is shown without, which is six times as long as the text at most.
MOST_BYTES: Final = 300_000

_COLOURS: Final = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
_OF_TEXT: Final = {*range(30, 40), *range(90, 98)}
_MARKS: Final = {1: "bold", 2: "dim", 3: "italic", 4: "underline", 7: "reverse", 9: "strike"}
_UNMARKS: Final = {
    22: {"bold", "dim"},
    23: {"italic"},
    24: {"underline"},
    27: {"reverse"},
    29: {"strike"},
}


class Look(NamedTuple):
    """How what follows is to look: colours of the text and behind it, and marks."""

    text: str = ""
    behind: str = ""
    marks: frozenset[str] = frozenset()

    @property
    def classes(self) -> str:
        """Those of `pages.css`."""
        colours = (self.text and f"fg-{self.text}", self.behind and f"bg-{self.behind}")
        return " ".join([*filter(None, colours), *sorted(self.marks)])


def html(text: str) -> SafeString:
    """The whole text; colours too, if there is room for them."""
    made, size = [], 0
    for look, part in _parts(in_lines(text)):
        shown = escape(visible(part))
        made.append(f'<span class="{look.classes}">{shown}</span>' if look.classes else shown)
        size += len(made[-1])
        if size > MOST_BYTES:
            made = [escape(visible(re.sub(COLOUR, "", in_lines(text))))]
            break
    return mark_safe("".join(made))  # noqa: S308 (all of it is escaped)


def end(text: str, lines: int, characters: int) -> str:
    """The last lines of it, and no more than so many characters."""
    last = in_lines(text)[-characters:].rstrip().split("\n")
    return "\n".join(last[-lines:])


def _parts(text: str) -> Iterator[tuple[Look, str]]:
    """The text between what tells colours, and how each part is to look."""
    look = Look()
    words = re.split(COLOUR, text)  # text, codes, text, …
    for at in range(0, len(words), 2):
        if at:
            look = _told(look, [int(code[:6] or 0) for code in re.split("[;:]", words[at - 1])])
        if words[at]:
            yield look, words[at]


def _told(look: Look, codes: Sequence[int]) -> Look:
    """The look after these codes; what is unknown, or hides text, changes nothing."""
    rest = iter(codes)
    for code in rest:
        if code == 0:
            look = Look()
        elif code in _MARKS:
            look = look._replace(marks=look.marks | {_MARKS[code]})
        elif code in _UNMARKS:
            look = look._replace(marks=look.marks - _UNMARKS[code])
        elif code in _OF_TEXT:
            look = look._replace(text=_colour(code, rest))
        elif code - 10 in _OF_TEXT:
            look = look._replace(behind=_colour(code - 10, rest))
    return look


def _colour(code: int, rest: Iterator[int]) -> str:
    """The nearest of the eight colours, and grey; empty: as it was at first."""
    if code == 39:
        return ""
    if code != 38:
        return _COLOURS[code - 30] if code < 38 else _bright(code - 90)
    kind = next(rest, 0)
    if kind == 2:
        return _nearest([next(rest, 0) for _ in range(3)])
    number = next(rest, 0) if kind == 5 else 7
    if number < 16:
        return _bright(number - 8) if number > 7 else _COLOURS[number]
    if number > 231:
        return _nearest([10 * (number - 232)] * 3)
    return _nearest([(number - 16) // place % 6 * 51 for place in (36, 6, 1)])


def _bright(number: int) -> str:
    return _COLOURS[number] if number else "grey"


def _nearest(rgb: Sequence[int]) -> str:
    """Of red, green and blue, up to 255 each."""
    most = max(rgb)
    if most < 48:
        return "black"
    if min(rgb) > 0.8 * most:
        return "white" if most > 160 else "grey"
    return _COLOURS[sum(1 << bit for bit, part in enumerate(rgb) if part > most / 2)]
