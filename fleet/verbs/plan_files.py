"""The file of a plan, YAML or JSON: read with the line of everything in it, and written.

```yaml
phases:
- name: M1
  cards:
  - id: lexer
    title: Write the lexer
    acceptance: [every token has a test]
cards:  # without a phase, or with one of their own
- id: announce
  title: Announce it
  dependsOn: [lexer]
```

Pure functions; no card is looked at.
"""

import re
from collections.abc import Callable, Iterator
from typing import Any, Final, NamedTuple

import yaml

from backlog import settable, values
from backlog.errors import UsageError
from backlog.records import WIRE_NAMES
from backlog.values import Digits
from backlog.verbs.faults import Faults, likely
from backlog.verbs.lines import Object
from fleet.marked import Fault, in_words

MOST: Final = 100_000
MOST_BYTES: Final = 64_000_000
DEEPEST: Final = 200

# Of a card whatever an operator sets, but whether it is a draft, which is what publishing is about,
# and the key of a repeated create: here the id is that.
KEYS: Final = (
    "id",
    *(WIRE_NAMES[n] for n in settable.FIELDS if n not in ("idempotency_key", "draft")),
)
# Text however it is written: an id of 4.10 is no number, a day no date.
_TEXTS: Final = ("id", "title", "body", "phase", "role", "notBefore", "due")

# In C where PyYAML has it so, ten times as fast. Only events are taken from it, which have no tags.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_WORDS: Final = {"": None, "~": None, "null": None, "true": True, "false": False}
_NUMBER: Final = re.compile(r"-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?")
# In strings of JSON: what YAML writes as one escape, and what it does not take as it is.
_OTHERWISE: Final = re.compile(
    r"\\(?:u([dD][89abAB]..)\\u([dD][c-fC-F]..)|.)|[\x7f-\x9f\u2028\u2029\ufeff\ufffe\uffff]", re.S
)


class Node(NamedTuple):
    """What begins on a line: a text (`plain`: without quotes, so perhaps a number or a word like
    true), a list, or keys with the line of each."""

    line: int
    value: "str | list[Node] | dict[str, tuple[int, Node]]"
    plain: bool = False


def cards(content: bytes, faults: Faults) -> Iterator[Object]:
    """Each card of the file as an object of `import` that has keys of `KEYS` alone; `faults` is
    told of all that is none.

    It always says what it waits for: a plan has every edge of its cards.
    """
    try:
        plan = _tree(content)
    except Fault as fault:
        faults.add((fault.line, 0), UsageError(str(fault)))
        return
    if not isinstance(plan.value, dict):
        faults.add((plan.line, 0), UsageError("a plan has the keys phases and cards"))
        return
    for number, (phase, card) in enumerate(_listed(plan, faults), 1):
        if number > MOST:
            faults.add((card.line, 0), UsageError(f"a plan has at most {MOST:,} cards"))
            return
        if said := _keys(card, KEYS, "a card of a plan", faults):
            yield _card(phase, card.line, said, faults)


def _listed(plan: Node, faults: Faults) -> Iterator[tuple[Node | None, Node]]:
    """Each card with the name of the phase that it stands in."""
    top = _keys(plan, ("phases", "cards"), "a plan", faults)
    for each in _items(top.get("phases"), "phases", faults):
        phase = _keys(each, ("name", "cards"), "a phase", faults)
        name = phase.get("name")
        if name is None or not isinstance(_text(name), str) or not _text(name).strip():
            faults.add((each.line, 0), UsageError("a phase must have a name, which is text"))
            continue
        yield from ((name, card) for card in _items(phase.get("cards"), "cards", faults))
    yield from ((None, card) for card in _items(top.get("cards"), "cards", faults))


def _card(phase: Node | None, line: int, said: dict[str, Node], faults: Faults) -> Object:
    if phase is not None:
        if "phase" in said:
            twice = "its phase is given twice: it stands in one, and names one"
            faults.add((said["phase"].line, 0), UsageError(twice))
        said["phase"] = phase
    document = {key: _text(node) if key in _TEXTS else _json(node) for key, node in said.items()}
    document.setdefault("id", None)
    needed = said.get("dependsOn")
    if needed is None or document["dependsOn"] is None:
        document["dependsOn"] = []
    elif isinstance(needed.value, list):
        document["dependsOn"] = list(map(_text, needed.value))
    return line, 0, document, {key: node.line for key, node in said.items()}


def _keys(node: Node, known: tuple[str, ...], what: str, faults: Faults) -> dict[str, Node]:
    """The keys that there are, and their values, each at the line of its key."""
    if not isinstance(node.value, dict):
        right = f"{what} is given as keys and values: {', '.join(known)}"
        faults.add((node.line, 0), UsageError(right))
        return {}
    for key, (line, _) in node.value.items():
        if key not in known:
            near = likely(key, known)
            hint = f"; did you mean {near}?" if near else ""
            there = f"{what} has no key {key[:40]}; there are {', '.join(known)}{hint}"
            faults.add((line, 0), UsageError(there))
    return {key: n._replace(line=at) for key, (at, n) in node.value.items() if key in known}


def _items(node: Node | None, what: str, faults: Faults) -> list[Node]:
    if node is None or (node.plain and _json(node) is None):
        return []
    if not isinstance(node.value, list):
        faults.add((node.line, 0), UsageError(f"{what} must be a list"))
        return []
    return node.value


def _text(node: Node) -> Any:
    """The text as it is written, None where there is none; what is no text as it is."""
    if isinstance(node.value, str) and not (node.plain and node.value in ("", "~", "null")):
        return node.value
    return _json(node)


def _json(node: Node) -> Any:
    """As `values.parse_json` has it. Without quotes only JSON's numbers and words are any."""
    if isinstance(node.value, list):
        return [_json(each) for each in node.value]
    if isinstance(node.value, dict):
        return {key: _json(each) for key, (_, each) in node.value.items()}
    if node.plain and node.value.lower() in _WORDS:
        return _WORDS[node.value.lower()]
    return Digits(node.value) if node.plain and _NUMBER.fullmatch(node.value) else node.value


def _tree(content: bytes) -> Node:
    """The whole file. Raises `Fault`."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Fault(content.count(b"\n", 0, error.start) + 1, "it must be UTF-8") from None
    if text.lstrip().startswith("{"):
        text = _OTHERWISE.sub(_one_escape, text)
    try:
        events = (e for e in yaml.parse(text, Loader=_LOADER) if not isinstance(e, _AROUND))
        first = next(events, None)
        if first is None:
            raise Fault(1, "it is empty; a plan has the keys phases and cards")
        tree = _node(first, lambda: next(events), 0)
        more: Any = next(events, None)
        if more is not None:
            raise Fault(more.start_mark.line + 1, "a second plan begins here: one is in a file")
    except yaml.reader.ReaderError as error:
        line = text.encode().count(b"\n", 0, error.position) + 1
        raise Fault(line, f"U+{error.character:04X} cannot stand in it") from None
    except yaml.YAMLError as error:
        mark: Any = getattr(error, "problem_mark", None)
        what = in_words(getattr(error, "problem", None))
        raise Fault(mark.line + 1 if mark else 1, what) from None
    return tree


_AROUND: Final = (
    yaml.StreamStartEvent,
    yaml.StreamEndEvent,
    yaml.DocumentStartEvent,
    yaml.DocumentEndEvent,
)


def _one_escape(found: re.Match[str]) -> str:
    if len(found[0]) == 1:
        return f"\\u{ord(found[0]):04X}"
    if found[1] is None:
        return found[0]
    try:
        high, low = int(found[1], 16), int(found[2], 16)
    except ValueError:
        return found[0]
    return f"\\U{0x10000 + (high - 0xD800) * 0x400 + low - 0xDC00:08X}"


def _node(event: Any, following: Callable[[], Any], depth: int) -> Node:
    line = event.start_mark.line + 1
    if isinstance(event, yaml.ScalarEvent):
        return Node(line, event.value, not event.style)
    if isinstance(event, yaml.AliasEvent):  # few lines of them can be billions of values
        raise Fault(line, f"*{event.anchor} stands for something else: write it out")
    if depth > DEEPEST:
        raise Fault(line, f"it is nested more than {DEEPEST} levels deep")
    if isinstance(event, yaml.SequenceStartEvent):
        items = []
        while not isinstance(event := following(), yaml.SequenceEndEvent):
            items.append(_node(event, following, depth + 1))
        return Node(line, items)
    keys: dict[str, tuple[int, Node]] = {}
    while not isinstance(event := following(), yaml.MappingEndEvent):
        at = event.start_mark.line + 1
        if not isinstance(event, yaml.ScalarEvent):
            raise Fault(at, "a key must be a word")
        if event.value in keys:
            raise Fault(at, f"{event.value[:40]} is given twice")
        keys[event.value] = at, _node(following(), following, depth + 1)
    return Node(line, keys)


_PLAIN: Final = re.compile(r"[A-Za-z][\w./()-]*( [\w./()-]+)*", re.A)
_NO_TEXT: Final = {*_WORDS, "yes", "no", "on", "off", "y", "n"}  # to some readers of YAML


def written(plan: dict[str, Any]) -> Iterator[str]:
    """The lines of a plan as YAML, of what `verbs.plans.export` gives."""
    for phase in plan.get("phases", ()):
        if phase is plan["phases"][0]:
            yield "phases:"
        yield f"- name: {_scalar(phase['name'])}"
        yield "  cards:"
        yield from _written(phase["cards"], "  ")
    if plan["cards"] or not plan.get("phases"):
        yield "cards:" if plan["cards"] else "cards: []"
        yield from _written(plan["cards"], "")


def _written(cards: list[dict[str, Any]], indent: str) -> Iterator[str]:
    for card in cards:
        before = f"{indent}- "
        for key, value in card.items():
            if isinstance(value, list) and value and all(type(each) is str for each in value):
                yield f"{before}{key}:"
                yield from (f"{indent}  - {_scalar(each)}" for each in value)
            elif key == "body" and (head := _as_block(value)):
                yield f"{before}{key}: {head}"
                yield from (
                    f"{indent}    {line}" if line else "" for line in value.rstrip("\n").split("\n")
                )
            else:
                text = _scalar(value) if type(value) is str else _quoted(values.exact_json(value))
                yield f"{before}{key}: {text}"
            before = f"{indent}  "


def _scalar(text: str) -> str:
    plain = _PLAIN.fullmatch(text) and text.lower() not in _NO_TEXT and len(text) < 1_000
    return text if plain else _quoted(values.json_text(text))


def _quoted(document: str) -> str:
    """JSON as YAML takes it: what cannot be seen is written as an escape."""
    if document.isprintable():
        return document
    return "".join(each if each.isprintable() else f"\\U{ord(each):08X}" for each in document)


def _as_block(text: str) -> str | None:
    """How a text begins that stands line by line; None where it would not come back as it is."""
    lines = text.removesuffix("\n").split("\n")
    is_plain = all(line.replace("\t", "").isprintable() for line in lines)
    if not is_plain or len(lines) < 2 or not lines[-1].strip() or lines[0][:1] in ("", " ", "\t"):
        return None
    return "|" if text.endswith("\n") else "|-"
