"""How words reach a reader: on lines of ours, of a bounded length, and nothing in them acts.

Titles, notes, names of files and the like are anybody's words. A terminal obeys some characters,
and a line break forges a line. What this program prints for people goes through `say`, each line of
a log through `line` or `in_json`; what a command printed is shown again by `say_printed`.
tests/cli/test_terminal.py holds that nothing else writes.
"""

import json
import os
import re
from collections.abc import Iterable, Sequence
from typing import Final, Protocol

# What is shown of a text, and how many ids, in a line of a list; how many lines in a report; how
# much of a sentence, which may quote what was refused. In JSON all of it is whole.
MOST_OF_A_TEXT: Final = 500
MOST_IDS: Final = 100
MOST_LINES: Final = 1000
MOST_OF_A_SENTENCE: Final = 10_000

_INDENT: Final = "\n  "

# Controls but tab and newline (ESC, C1, CR, …); marks that nobody sees, and that turn the order of
# what is seen; halves of characters. ZWJ and ZWNJ are left: emoji and Persian need them. Not
# compiled here: a command that prints JSON does without.
_ACTING: Final = (
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    r"\ufeff\ufff9-\ufffb\ud800-\udfff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0001\U000e0020-\U000e007f]"
)

# What a terminal is told of colours, bold and the like, and of nothing else.
COLOUR: Final = r"\x1b\[([0-9;:]*)m"


class Writes(Protocol):
    """A stream, as far as it is needed here."""

    def write(self, text: str, /) -> object: ...
    def flush(self) -> None: ...
    def isatty(self) -> bool: ...


def visible(text: str) -> str:
    r"""The text, with what acts written out: ESC is `\x1b`."""
    return re.sub(_ACTING, _word, text)


def _word(found: re.Match[str]) -> str:
    return found[0].encode("unicode_escape").decode()


def uncoloured(text: str) -> str:
    """What a command printed, without its colours; nothing of it acts."""
    return visible(re.sub(COLOUR, "", in_lines(text)))


def coloured(text: str) -> str:
    """What a command printed; nothing of it acts but its colours, and they end with it."""
    shown = re.sub(f"{COLOUR}|{_ACTING}", _colour_or_word, in_lines(text))
    return f"{shown}\x1b[0m" if "\x1b" in shown else shown


def in_lines(text: str) -> str:
    r"""One below the other what a terminal would write over, the states of a progress bar say; a
    byte that is no UTF-8 is `\xff`."""
    written_out = text.encode("utf-8", "surrogateescape").decode(errors="backslashreplace")
    return re.sub(r"\r+\n?", "\n", written_out)


def _colour_or_word(found: re.Match[str]) -> str:
    return _word(found) if found[1] is None else found[0]


def in_json(text: str) -> str:
    """JSON text that is the same value, with what acts as escapes."""
    return re.sub(_ACTING, lambda found: json.dumps(found[0])[1:-1], text)


def line(text: str) -> str:
    """The text as one line of ours, visible; the lines that follow in it are indented."""
    return _INDENT.join(map(visible, text.splitlines()))


def say(stream: Writes, lines: Iterable[str]) -> None:
    """Write lines for people."""
    for each in lines:
        stream.write(line(each) + "\n")


def say_printed(stream: Writes, pieces: Iterable[str]) -> None:
    """Write what a command printed: in its colours, to a terminal that may have any."""
    in_colour = stream.isatty() and not os.environ.get("NO_COLOR")
    in_colour &= os.environ.get("TERM") != "dumb"
    for each in pieces:
        stream.write(coloured(each) if in_colour else uncoloured(each))


def say_json(stream: Writes, pieces: Iterable[str]) -> None:
    """Write JSON exactly as it is; to a terminal, as the same JSON that it does not obey."""
    harmless = in_json if stream.isatty() else str
    for each in pieces:
        stream.write(harmless(each))


def say_again(stream: Writes, text: str) -> None:
    """Write over the terminal's line of before."""
    stream.write(f"\r\x1b[K{visible(text)}")
    stream.flush()


def cut(text: str, most: int = MOST_OF_A_TEXT) -> str:
    """Its beginning, if it is longer."""
    return text if len(text) <= most else f"{text[:most]}…"


def flat(text: str, most: int = MOST_OF_A_TEXT) -> str:
    """On one line, cut: whatever white space stands in it is one blank."""
    return cut(" ".join(text.split(None, most)), most)


def named(ids: Sequence[str], between: str = ", ") -> str:
    """Names in a line: the first ones, and how many more there are."""
    return between.join([*map(flat, ids[:MOST_IDS]), *more(ids, MOST_IDS)])


def more(rows: Sequence[object], most: int) -> list[str]:
    """That there are more than so many, if there are."""
    return [f"… and {len(rows) - most:,} more"] if len(rows) > most else []
