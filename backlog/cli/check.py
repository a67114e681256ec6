"""`check`: is what is derived still what the cards say?"""

import sys
from collections import Counter
from collections.abc import Iterator
from itertools import chain
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
        head = f'{{"ok":{json_text(not found.total())},"cards":{total}'
        return Reply(chain([head], rows, ["}\n"]), [], min(1, found.total()))
    lines = list(few(_line(part, each) for part, each in counted()))
    lines.append(f"{total} cards, {found.total()} differences")
    return Reply([], lines, min(1, found.total()))


def _rows(found: Iterator[tuple[str, Any]]) -> Iterator[str]:
    """The arrays of the answer, one after the other, in lines."""
    each = next(found, None)
    for part, keys in _KEYS.items():
        before = f',"{part}":['
        while each is not None and each[0] == part:
            yield before + json_text(dict(zip(keys, each[1], strict=True)))
            before, each = ",", next(found, None)
        yield "]" if before == "," else f"{before}]"


def _line(part: str, each: Any) -> str:
    if part == "limits":
        table, name, problem = each
        return row(f"{name or table}: {problem}")
    return row(_LINES[part].format(*each))
