"""Markdown with YAML before it. Every value is text: an id of 4.10 stays one, as does a date."""

import re
from typing import Any, Final

import yaml

from backlog.errors import UsageError

LONGEST: Final = 100_000
DEEPEST: Final = 20

_FENCE: Final = "---"
# What people write without quotes, and is no YAML: @name, and colons in a title.
_PLAIN: Final = re.compile(r"""^([\w-]+:[ \t]+|[ \t]*-[ \t]+)([^\s'"\[{|>#].*)$""", re.M)
_IN_A_LIST: Final = re.compile(r"([\[,][ \t]*)(@[^\s,\]'\"]+)")

# In C where PyYAML has it so, ten times as fast. It makes nothing but texts, lists and dicts.
_LOADER: Final[Any] = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


def split(content: str) -> tuple[dict[str, Any], str] | None:
    """What stands in the front matter, and the text after it; None where there is none. Raises
    `UsageError` for what is no YAML, and for what would be far more than it looks.
    """
    lines = content.removeprefix("\ufeff").split("\n")
    marks = [n for n, line in enumerate(lines) if line.rstrip() == _FENCE]
    if marks[:1] != [0] or len(marks) < 2:
        return None
    matter = "\n".join(lines[1 : marks[1]])
    if len(matter) > LONGEST:
        raise UsageError(f"its front matter has {len(matter)} characters; {LONGEST} are the most")
    return load(matter), "\n".join(lines[marks[1] + 1 :])


def load(matter: str) -> dict[str, Any]:
    """The keys of a YAML document and their values. Raises `UsageError`."""
    try:
        document = _load(matter)
    except yaml.YAMLError:
        try:
            document = _load(_quoted(matter))
        except yaml.YAMLError as error:
            raise UsageError(_explained(error)) from None
    if not isinstance(document or {}, dict):
        raise UsageError("its front matter is no list of keys and values")
    return document or {}


def _load(matter: str) -> Any:
    """The document, once it is known to be no more than its text: few lines of aliases can be
    billions of values."""
    depth = 0
    for event in yaml.parse(matter, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise UsageError(f"its front matter has an alias (*{event.anchor}), which is not read")
        depth += isinstance(event, yaml.CollectionStartEvent)
        depth -= isinstance(event, yaml.CollectionEndEvent)
        if depth > DEEPEST:
            raise UsageError(f"its front matter is nested more than {DEEPEST} levels deep")
    return yaml.load(matter, Loader=_LOADER)  # noqa: S506 (it knows no tag)


def _quoted(matter: str) -> str:
    """With quotes around what is meant as text."""
    plain = _PLAIN.sub(lambda found: found[1] + _quote(found[2]), matter)
    return _IN_A_LIST.sub(lambda found: found[1] + _quote(found[2]), plain)


def _quote(value: str) -> str:
    return "'" + value.rstrip().replace("'", "''") + "'"


def _explained(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f"line {mark.line + 2}: " if mark else ""  # after the fence
    why = getattr(error, "problem", None) or getattr(error, "reason", "it cannot be read")
    return f"{where}its front matter is no YAML: {why}"
