"""YAML as it stands in a file: each value with its line, none made into more than its text."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from backlog import values
from backlog.errors import UsageError

_TEXT: Final = "tag:yaml.org,2002:str"

# What parsers of YAML say of what people write most often, and what would be right.
_RIGHT: Final = {
    "cannot start any token": "a tab cannot indent, blanks do; a text that begins so is quoted",
    "mapping values are not allowed": "keys that belong together are indented alike, and a text"
    " with a colon in it is quoted",
    "could not find expected ':'": "a key has a colon after it",
    "expected key": "what belongs together is indented alike",
    "expected <block end>": "what belongs together is indented alike",
    "unexpected end of stream": "a quote is not closed",
    "unknown escape": "a backslash between double quotes is written twice",
}


def in_words(problem: str | None) -> str:
    """What is wrong, as a parser says it, and what would be right."""
    said = problem or "this cannot be read as YAML"
    return next((f"{said}; {right}" for part, right in _RIGHT.items() if part in said), said)


class Fault(Exception):
    """What is wrong in a line of the file, the first of which is 1."""

    def __init__(self, line: int, what: str) -> None:
        super().__init__(what)
        self.line = line


@contextmanager
def at(line: int) -> Iterator[None]:
    """Whatever cannot be is a fault of this line, unless it names another."""
    try:
        yield
    except UsageError as error:
        raise Fault(line, str(error)) from None


class Marked:
    """Reads YAML whose first line is this one of the file."""

    def __init__(self, first: int = 1) -> None:
        self._first = first

    def mapping(self, text: str, needed: str) -> Any:
        """The mapping that the text is; `needed` is what it must give. Raises `Fault`."""
        import yaml  # the start of every other verb does without

        try:
            node = yaml.compose(text, Loader=yaml.SafeLoader)
        except RecursionError:
            raise Fault(1, "this is nested too deeply") from None
        except yaml.reader.ReaderError as error:
            line = text.count("\n", 0, error.position) + self._first
            raise Fault(line, f"U+{error.character:04X} cannot stand in YAML") from None
        except yaml.YAMLError as error:
            mark = getattr(error, "problem_mark", None)
            what = in_words(getattr(error, "problem", None))
            raise Fault(mark.line + self._first if mark else 1, what) from None
        if not isinstance(node, yaml.MappingNode):
            raise Fault(self._first, f"{needed} must be given, each as `key: value`")
        return node

    def line(self, node: Any) -> int:
        line: int = node.start_mark.line
        return line + self._first

    def pairs(self, mapping: Any) -> Iterator[tuple[str, Any, int]]:
        """Each key, the node of its value, and its line. Raises `Fault`."""
        seen = set()
        for key, value in mapping.value:
            line = self.line(key)
            if key.id != "scalar":
                raise Fault(line, "a key must be a word")
            if key.value in seen:
                raise Fault(line, f"{key.value} is given twice")
            seen.add(key.value)
            yield key.value, value, line


def plain(node: Any) -> object:
    """The text, or the list of texts; None is whatever else YAML could make of it: a date of no
    calendar raises, and few lines of aliases can be billions of values."""
    return list(map(text, node.value)) if node.id == "sequence" else text(node)


def text(node: Any) -> str | None:
    """The text; None if it is none."""
    return node.value if node.id == "scalar" and node.tag == _TEXT else None


def sentence(value: object, what: str) -> str:
    """Text that is a line, of what is `plain`. Raises `UsageError`."""
    if not isinstance(value, str):
        raise UsageError(f"{what} must be text (quote it if it is a number or a word like yes)")
    return values.line(value, what)
