"""What trackers have in common: an item, its state, and what is told of a move at the end."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import Refusal, UsageError
from backlog.lifecycle import BLOCKED, DEFAULT_BLOCK_REASON
from backlog.shown import flat
from backlog.verbs.faults import Faults, place
from backlog.verbs.foreign import fitting
from backlog.verbs.framing import documents

Record = Mapping[str, Any]

# Of the cards that something happened to, as many are named.
_MOST_NAMED: Final = 5
_NAMED: Final = 60  # characters of each, for people

_DEEPEST: Final = 200

# Higher is sooner, and 0 is what a card has that nobody has ranked.
PRIORITIES: Final = {
    "critical": 4,
    "urgent": 4,
    "highest": 4,
    "high": 3,
    "medium": 2,
    "normal": 2,
    "low": 1,
    "lowest": 0,
}


class State(NamedTuple):
    """A status of ours; of a blocked card, why."""

    status: str
    reason: str | None = None
    note: str | None = None


@dataclass(slots=True)
class Item:
    """What a tracker has in place of a card. `key` is how its own edges name it; `waits` has the
    keys of what it waits for; `facts` are what has no place in a card but its body.
    """

    place: str
    key: str
    id: str
    title: str
    state: State
    priority: int = 0
    phase: str = ""
    created: str = ""
    not_before: str = ""
    description: str = ""
    sections: list[tuple[str, str]] = field(default_factory=list)
    facts: list[tuple[str, str]] = field(default_factory=list)
    waits: list[str] = field(default_factory=list)
    acceptance: list[str] | None = None

    def tell(self, label: str, *texts: str) -> None:
        """Keep it in the body, unless there is nothing to keep."""
        if told := ", ".join(" ".join(text.split()) for text in texts if text.strip()):
            self.facts.append((label, told))


_KINDS: Final = {"mapped": "mapped", "changed": "changed", "leftOut": "left out"}


class Report:
    """What was made of what (`mapped`), what was made to fit (`changed`), and `left_out`."""

    def __init__(self) -> None:
        self._told: dict[str, dict[str, tuple[int, list[str]]]] = {}

    def mapped(self, what: str) -> None:
        self._tell("mapped", what, None)

    def changed(self, what: str, which: str) -> None:
        self._tell("changed", what, which)

    def left_out(self, what: str, which: str) -> None:
        self._tell("leftOut", what, which)

    def _tell(self, kind: str, what: str, which: str | None) -> None:
        what = fitting.text(what)
        count, first = self._told.setdefault(kind, {}).get(what, (0, []))
        if which is not None and len(first) < _MOST_NAMED:
            first.append(fitting.text(which))
        self._told[kind][what] = count + 1, first

    def as_json(self) -> dict[str, list[dict[str, Any]]]:
        """By kind, each thing that was told, how often, and the first cards, or places, that it
        happened to."""
        return {
            kind: [{"what": what, "count": count, "first": first} for what, count, first in told]
            for kind, told in self._in_order()
        }

    def as_lines(self) -> Iterator[str]:
        """The same for people."""
        for kind, told in self._in_order():
            for what, count, first in told:
                named = [*(flat(each, _NAMED) for each in first), *["…"] * (count > len(first))]
                which = f" ({', '.join(named)})" if first else ""
                yield f"{_KINDS[kind]}: {flat(what)}: {count}{which}"

    def _in_order(self) -> Iterator[tuple[str, list[tuple[str, int, list[str]]]]]:
        for kind in _KINDS:
            told = sorted(self._told.get(kind, {}).items())
            yield kind, [(what, count, first) for what, (count, first) in told]


def state(word: str, known: Mapping[str, State], label: str, report: Report, which: str) -> State:
    """What a tracker's status is here. One that nobody knows is blocked: no worker starts on what
    may be over, or not wanted.
    """
    found = known.get(word.strip().casefold().replace("-", "_").replace(" ", "_"))
    if found is None:
        report.changed(f"unknown status {word or '(none)'} → blocked", which)
        return State(BLOCKED, DEFAULT_BLOCK_REASON, f"{word or 'without a status'} in {label}")
    report.mapped(f"status {word} → {found.status}")
    return found


def ranked(word: str, report: Report, otherwise: int, which: str) -> int:
    """The number of a priority that is a word; `otherwise` where there is none, or no known one."""
    if not word.strip():
        return otherwise
    number = PRIORITIES.get(word.strip().casefold())
    if number is None:
        report.changed(f"unknown priority {word} → {otherwise}", which)
        return otherwise
    report.mapped(f"priority {word} → {number}")
    return number


def records(lines: Sequence[bytes], faults: Faults) -> Iterator[tuple[str, Record]]:
    """Every object of a file of JSON, with its place; also in arrays one after another."""
    for line, element, document in documents(lines):
        many = isinstance(document, list)
        for number, each in enumerate(document if many else [document], 1):
            where = place(line, element) + (f", item {number}" if many else "")
            if isinstance(each, dict) and not _is_deep(each):
                yield where, each
            elif isinstance(each, dict):
                faults.add_named(
                    where, UsageError(f"JSON is nested more than {_DEEPEST} levels deep")
                )
            else:
                what = each if isinstance(each, Refusal) else UsageError("not a JSON object")
                faults.add_named(where, what)


def _is_deep(document: Any) -> bool:
    """Whether it has more levels than a function that calls itself may go down."""
    level = [document]
    for _ in range(_DEEPEST):
        level = [
            child
            for each in level
            for child in (each.values() if isinstance(each, dict) else each)
            if isinstance(child, dict | list)
        ]
        if not level:
            return False
    return True


def text(record: Record, key: str) -> str:
    """What stands there as text; what is no text as JSON."""
    return as_text(record.get(key))


def as_text(value: Any) -> str:
    if value is None:
        return ""
    return str(value) if isinstance(value, str) else values.exact_json(value)


def texts(record: Record, key: str, name: str = "name") -> list[str]:
    """The texts of a list; of an object in it, what it has as `name`. One text is a list too."""
    value = record.get(key)
    found = value if isinstance(value, list) else [value]
    return [
        shown
        for each in found
        if (shown := as_text(each.get(name) if isinstance(each, dict) else each)).strip()
    ]


def unread(record: Record, known: Iterable[str], report: Report, which: str) -> None:
    """Tell of keys that say something and have no place here."""
    for key in record.keys() - set(known):
        if record[key] not in (None, "", "0", False) and record[key] != [] and record[key] != {}:
            report.left_out(f"key {' '.join(key[:40].split())}", which)
