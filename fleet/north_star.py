"""The north star as it is written: goals, the phases that lead to each, what they assume and take.

A file in YAML, which `BACKLOG_NORTH_STAR` names, or the text that was ratified in the store.
"""

import os
from collections.abc import Iterator
from difflib import unified_diff
from functools import lru_cache
from hashlib import sha256
from pathlib import Path
from stat import S_ISREG
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import ConfigurationError, UsageError
from fleet.marked import Fault, Marked, at, plain, sentence

FILE: Final = "BACKLOG_NORTH_STAR"
# A page shows all of it, and beside it what is proposed, line by line.
MOST_BYTES: Final = 100_000
MOST_LINES: Final = 2_000
# Of goals, of phases of one, of assumptions, of projections.
MOST: Final = 200


class Goal(NamedTuple):
    """What is to be true, and the phases of the backlog that lead there."""

    goal: str
    phases: tuple[str, ...]


class Projection(NamedTuple):
    """What a phase is believed to take; None where nothing is said. The cost as decimal text."""

    phase: str
    tokens: int | None = None
    cost: str | None = None


class NorthStar(NamedTuple):
    """What the fleet works towards, what that rests on, and what it is believed to take."""

    goals: tuple[Goal, ...] = ()
    assumptions: tuple[str, ...] = ()
    projections: tuple[Projection, ...] = ()

    @property
    def phases(self) -> list[str]:
        """Every phase that it names, in the order of the text."""
        named = [phase for goal in self.goals for phase in goal.phases]
        return list(dict.fromkeys([*named, *(each.phase for each in self.projections)]))


def from_file() -> str | None:
    """The text of the file that the environment names; None if it names none.

    Raises `ConfigurationError`, which names file and line.
    """
    name = os.environ.get(FILE)
    if not name:
        return None
    path = Path(name)
    try:
        if not S_ISREG(path.stat().st_mode):  # a pipe would never end
            raise ConfigurationError(f"{FILE} must name a file; {path} is none")
        with path.open("rb") as file:
            text = decoded(file.read(MOST_BYTES + 1))
        read(text)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ConfigurationError(
            f"{FILE} must name a file that can be read; {path}: {reason}"
        ) from None
    except UsageError as error:
        raise ConfigurationError(f"{path}, {error}") from None
    return text


def decoded(content: bytes) -> str:
    """The text of a file. Raises `UsageError`."""
    if len(content) > MOST_BYTES:
        raise UsageError(f"line 1: a north star has at most {MOST_BYTES} bytes")
    try:
        return tidy(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise UsageError(f"line {line}: this must be UTF-8") from None


def tidy(text: str) -> str:
    """The text with lines that end as they do everywhere, whoever sent it."""
    return text.replace("\r\n", "\n").rstrip() + "\n"


def digest(text: str | None) -> str:
    """Another one for another text; empty for none."""
    return "" if text is None else sha256(text.encode()).hexdigest()


def changes(before: str, after: str) -> list[str]:
    """The lines that differ, after `-` or `+`, with some that do not around them."""
    return list(unified_diff(before.splitlines(), after.splitlines(), lineterm=""))[2:]


@lru_cache(maxsize=8)
def read(text: str) -> NorthStar:
    """What the text says. Raises `UsageError`, which names the line."""
    if len(text.encode()) > MOST_BYTES or text.count("\n") > MOST_LINES:
        most = f"{MOST_BYTES} bytes and {MOST_LINES} lines"
        raise UsageError(f"line 1: a north star has at most {most}")
    try:
        return _read(text)
    except Fault as fault:
        raise UsageError(f"line {fault.line}: {fault}") from None


def _read(text: str) -> NorthStar:
    marked = Marked()
    said: dict[str, Any] = {}
    for key, node, line in marked.pairs(marked.mapping(text, "goals")):
        with at(line):
            if key not in _READERS:
                raise UsageError(f"{key} is no key of a north star: {', '.join(_READERS)}")
            said[key] = tuple(_READERS[key](marked, node))
            if len(said[key]) > MOST:
                raise UsageError(f"{key} are {MOST} at most")
    if not said.get("goals"):
        raise Fault(1, "goals must be given")
    return NorthStar(**said)


def _goals(marked: Marked, node: Any) -> Iterator[Goal]:
    for each in _items(node, "goals"):
        with at(marked.line(each)):
            yield _goal(marked, each)


def _goal(marked: Marked, node: Any) -> Goal:
    if node.id != "mapping":
        return Goal(sentence(plain(node), "a goal"), ())
    goal: str | None = None
    phases: tuple[str, ...] = ()
    for key, value, line in marked.pairs(node):
        with at(line):
            if key == "goal":
                goal = sentence(plain(value), key)
            elif key == "phases":
                phases = tuple(dict.fromkeys(_name(plain(each)) for each in _items(value, key)))
            else:
                raise UsageError(f"{key} is no key of a goal: goal, phases")
    if goal is None:
        raise UsageError("goal must be given: what is to be true")
    return Goal(goal, phases)


def _assumptions(marked: Marked, node: Any) -> Iterator[str]:
    for each in _items(node, "assumptions"):
        with at(marked.line(each)):
            yield sentence(plain(each), "an assumption")


def _projections(marked: Marked, node: Any) -> Iterator[Projection]:
    if node.id != "mapping":
        raise UsageError("projections must be phases, each with tokens, cost or both")
    for phase, value, line in marked.pairs(node):
        with at(line):
            numbers = marked.pairs(value) if value.id == "mapping" else ()
            takes = {key: _number(key, each, line) for key, each, line in numbers}
            if not takes:
                raise UsageError(f"the projection of {phase} must give tokens, cost or both")
            yield Projection(_name(phase), **takes)


_READERS: Final = {"goals": _goals, "assumptions": _assumptions, "projections": _projections}


def _items(node: Any, what: str) -> list[Any]:
    if node.id != "sequence" or len(node.value) > MOST:
        raise UsageError(f"{what} must be a list, of {MOST} at most")
    items: list[Any] = node.value
    return items


def _number(key: str, node: Any, line: int) -> Any:
    with at(line):
        if key not in ("tokens", "cost"):
            raise UsageError(f"{key} is no key of a projection: tokens, cost")
        if node.id != "scalar":
            raise UsageError(f"{key} must be a number")
        if key == "tokens":
            return values.integer(node.value, key, 0, values.BIGINT_MAX)
        return values.cost(node.value, key)


def _name(value: object) -> str:
    return values.name(sentence(value, "a phase"), "a phase")
