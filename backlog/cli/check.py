"""`check`: is what is derived still what the cards say?"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final

from backlog.cli.options import Options, verb
from backlog.cli.progress import bar
from backlog.cli.reply import Reply, few, kept
from backlog.records import row
from backlog.session import Session
from backlog.values import json_text

# Of each part its keys in JSON, and a line for people.
_KEYS: Final = {
    "counts": ("id", "openDependencies", "recounted"),
    "edges": ("id", "dependency", "edge"),
    "claims": ("id", "claim"),
    "words": ("id", "search"),
    "limits": ("table", "id", "limit"),
}
_LINES: Final = {
    "counts": "{0}: counts {1} open dependencies, has {2}",
    "edges": "{0}: {2} edge to {1}",
    "claims": "{0}: {1}",
    "words": "{0}: {1}",
}


@verb("check", "recount what is derived and report drift")
def check(session: Session, options: Options) -> Reply:
    from backlog.verbs.check import differences, number

    total, found = number(session), Counter[str]()

    def counted() -> Iterator[tuple[str, Any]]:
        with bar(sys.stderr) as progress:
            for part, each in differences(session, progress):
                found[part] += 1
                yield part, each

    if options.json:
        # Whether all is well stands first, and is known last.
        rows = kept(_rows(counted()))
        ok = json_text(not found.total())
        return Reply(_answer(f'{{"ok":{ok},"cards":{total}', rows), [], _status(found))
    lines = list(few(_line(part, each) for part, each in counted()))
    lines.append(f"{total} cards, {found.total()} differences")
    return Reply([], lines, _status(found))


def _status(found: Counter[str]) -> int:
    return 1 if found.total() else 0


def _rows(found: Iterator[tuple[str, Any]]) -> Iterator[str]:
    """The arrays of the answer, one after the other, in lines."""
    parts = iter(_KEYS)
    current, before = "", ""
    for part, each in found:
        while current != part:
            yield from _opened(current, current := next(parts))
            before = ""
        yield before + json_text(dict(zip(_KEYS[part], each, strict=True)))
        before = ","
    for part in parts:
        yield from _opened(current, part)
        current = part


def _opened(before: str, part: str) -> list[str]:
    return [f'{"]" if before else ""},"{part}":[']


def _answer(head: str, rows: Iterator[str]) -> Iterator[str]:
    yield head
    yield from rows
    yield "]}\n"


def _line(part: str, each: Any) -> str:
    if part == "limits":
        table, name, problem = each
        return row(f"{name or table}: {problem}")
    return row(_LINES[part].format(*each))
