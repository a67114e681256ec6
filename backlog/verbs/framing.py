"""The JSON values of a file: one a line, in an array, or each printed over many lines.

Pure functions; they know no card.
"""

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import Refusal, UsageError

# How a file begins that is no JSON, and what would make JSON of it.
_PIPED: Final = "FILE | backlog … -"
_IMPORTED: Final = "FILE | backlog import -"
_OTHERS: Final = {
    b"\x1f\x8b": f"the file is compressed; try gunzip -c {_PIPED}",
    b"BZh": f"the file is compressed; try bunzip2 -c {_PIPED}",
    b"\xfd7zXZ": f"the file is compressed; try unxz -c {_PIPED}",
    b"\x28\xb5\x2f\xfd": f"the file is compressed; try unzstd -c {_PIPED}",
    b"PK\x03\x04": f"the file is a zip archive; try unzip -p {_PIPED}",
    b"PGDMP": "the file is an archive of `store dump`; `store restore FILE` takes it",
    b"\xff\xfe": f"the file is UTF-16; try iconv -f UTF-16 -t UTF-8 {_PIPED}",
    b"\xfe\xff": f"the file is UTF-16; try iconv -f UTF-16 -t UTF-8 {_PIPED}",
    b"{\0": f"the file is UTF-16; try iconv -f UTF-16LE -t UTF-8 {_PIPED}",
    b"[\0": f"the file is UTF-16; try iconv -f UTF-16LE -t UTF-8 {_PIPED}",
    b"\0": f"the file is UTF-16; try iconv -f UTF-16BE -t UTF-8 {_PIPED}",
}
# The same of what is text, and would be cards.
_TEXTS: Final = {
    r"#{1,6} |```|[-*] \[[ xX]\]": "Markdown; --from backlog-md takes the tasks of Backlog.md",
    r"\s*<": "HTML or XML",
    r"---\s*$|(- )?[\w-]+:(\s|$)": f"YAML; try yq -o json . {_IMPORTED}",
    r"[^,]*,[^,\s]": f"CSV; try mlr --icsv --ojsonl cat {_IMPORTED}",
    r"[^\t]+\t": f"tab-separated; try mlr --itsv --ojsonl cat {_IMPORTED}",
    "": "plain text; the page Plan makes cards of an outline",
}
_A_BACKLOG: Final = (
    'a backlog has a JSON object a line, {"id":"A1","title":"…"}, or an array of them'
)
_NOT_UTF_8: Final = f"it is not UTF-8; if it is Latin-1, try iconv -f LATIN1 -t UTF-8 {_PIPED}"
_CUT_OFF: Final = "it ends in the middle; is the file whole?"

_BLANKS: Final = b" \t\r\n\xef\xbb\xbf"  # and the byte order mark that some editors put first
_BLANK: Final = re.compile(r"[\s\ufeff]*")
# Only to see where a value ends: its numbers, of any length, stay text.
_DECODER: Final = json.JSONDecoder(parse_int=str, parse_float=str)


class Found(NamedTuple):
    """A JSON value, or the refusal of what is none: the line on which it begins, and its number in
    an array, both from 1; 0 outside of an array.
    """

    line: int
    element: int
    document: Any


def documents(lines: Sequence[bytes]) -> Iterator[Found]:
    """Every value of the file. What is no JSON is refused, and reading goes on where it can.

    A file that begins with `[` is one array, whose elements are the values. An object that goes on
    after its first line ends, at the latest, before the next line that begins with a brace.
    """
    at = next((n for n, line in enumerate(lines) if line.strip(_BLANKS)), len(lines))
    begin = lines[at].lstrip(_BLANKS) if at < len(lines) else b""
    other = next((why for magic, why in _OTHERS.items() if begin.startswith(magic)), None)
    if other:
        yield Found(at + 1, 0, _no_json(other))
    elif begin.startswith(b"["):
        yield from _values(lines[at:], at + 1)
    else:
        yield from _lines(lines, at)


def backlog(lines: Sequence[bytes]) -> Iterator[Found]:
    """As `documents`, of a file of cards: of one whose lines are mostly no JSON, as its first, it
    is said what it seems to be.

    A file that is JSON all the same, or is refused for what it begins with, is read as any.
    """
    found = documents(lines)
    first = next(found, None)
    if first is None:
        return
    if isinstance(first.document, UsageError) and not _is_mostly_json(lines):
        begin = lines[first.line - 1].lstrip(_BLANKS)
        if not begin.startswith(tuple(_OTHERS)) and (kind := _kind(begin)):
            why = f"this is no backlog but seems to be {kind}; {_A_BACKLOG}"
            yield first._replace(document=UsageError(why))
            return
    yield first
    yield from found


def _is_mostly_json(lines: Sequence[bytes]) -> bool:
    """Whether half of the lines, or more, begin as JSON does that is printed over many."""
    begun = [line.lstrip(_BLANKS)[:1] for line in lines]
    return sum(each in b'{}[]"' for each in begun if each) * 2 >= sum(map(bool, begun))


def _kind(begin: bytes) -> str | None:
    """What a file seems to be whose first line this is; None where it is no text."""
    try:
        text = begin.decode()
    except UnicodeDecodeError:
        return None
    return next(kind for how, kind in _TEXTS.items() if re.match(how, text))


def _lines(lines: Sequence[bytes], at: int) -> Iterator[Found]:
    while at < len(lines):
        first, at = at, at + 1
        if not lines[first].strip(_BLANKS):
            continue
        document, goes_on = _line(lines[first])
        if goes_on and at < len(lines) and not lines[at].startswith(b"{"):
            while at < len(lines) and not lines[at].startswith(b"{"):
                at += 1
            yield from _values(lines[first:at], first + 1)
        else:
            yield Found(first + 1, 0, document)


def _line(line: bytes) -> tuple[Any, bool]:
    """What the line holds, or a refusal; and whether it is an object that goes on after it."""
    text = ""
    try:
        text = line.decode("utf-8-sig").strip()
        return values.parse_json(text), False
    except json.JSONDecodeError as error:
        return _explained(error), text.startswith("{") and error.pos >= len(text)
    except (ValueError, Refusal) as error:
        return _refusal(error), False


def _values(lines: Sequence[bytes], line: int) -> Iterator[Found]:
    """The values of these lines, of which the first is number `line`, until one is no JSON."""
    content = b"".join(lines)
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        yield Found(line + content.count(b"\n", 0, error.start), 0, _refusal(error))
        return
    first, seen, at = line, 0, _after(text, 0)
    element = int(text[at] == "[")
    at = _after(text, at + element)
    if element and text.startswith("]", at):
        element, at = 0, _after(text, at + 1)
    while at < len(text):
        line, seen = line + text.count("\n", seen, at), at
        try:
            end = _DECODER.raw_decode(text, at)[1]
            yield Found(line, element, values.parse_json(text[at:end]))
        except json.JSONDecodeError as error:
            yield Found(line, element, _explained(error, first))
            return
        except (ValueError, RecursionError, Refusal) as error:
            yield Found(line, element, _refusal(error))
            return
        at = _after(text, end)
        if element and text.startswith((",", "]"), at):
            element = element + 1 if text[at] == "," else 0
            at = _after(text, at + 1)
        elif element:
            break
    if element:
        missing = "a comma or ] is missing after it" if at < len(text) else _CUT_OFF
        yield Found(line, element, _no_json(missing))


def _after(text: str, at: int) -> int:
    """Where the next value begins."""
    found = _BLANK.match(text, at)
    return found.end() if found else at


def _explained(error: json.JSONDecodeError, first: int = 1) -> UsageError:
    """What is wrong, and on which line if the value has many, of which `first` is the first."""
    text, at = error.doc, error.pos
    before, here = text[:at].rstrip()[-1:], text[at : at + 1]
    if not text[at:].strip() or error.msg.startswith("Unterminated"):
        return _no_json(_CUT_OFF)
    where = f" on line {first + error.lineno - 1}" if error.lineno > 1 else ""
    if here == "," or (before == "," and here in "]}"):
        return _no_json(f"there is a comma too many{where}")
    return _no_json(error.msg.removesuffix(" at") + where)


def _refusal(error: Exception) -> Refusal:
    if isinstance(error, Refusal):
        return error
    if isinstance(error, RecursionError):
        return UsageError("JSON is nested too deeply")
    return _no_json(_NOT_UTF_8 if isinstance(error, UnicodeDecodeError) else str(error))


def _no_json(why: str) -> UsageError:
    return UsageError(f"not a JSON object: {why}")
