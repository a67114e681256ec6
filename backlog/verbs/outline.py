"""An outline, read as cards: one a line; what is indented below a card is a part of it.

It is told to an import, which checks and writes: there is one way to do that.
"""

import re
from collections.abc import Iterator
from itertools import count
from typing import Final, NamedTuple
from unicodedata import normalize

from backlog import values
from backlog.errors import Refusal, UsageError
from backlog.session import Session
from backlog.verbs.faults import MANY, Faults
from backlog.verbs.transfer import HOW_TO_CHANGE, import_cards

# As many cards has an outline: a page shows them. An import takes more.
MOST: Final = 1_000

_BULLET: Final = re.compile(r"(?:[-*+•]\s+)?(?:\[ \]\s+)?")
_WORD: Final = re.compile(r'[@<#]"[^"]+"|\S+')
_MARK: Final = re.compile(r'([@<#])("[^"]+"|[^"]+)|(p)(-?[0-9]{1,10})')
_SAID: Final = {"@": "phase", "#": "id", "p": "priority"}
# An id that is made of a title ends with the last word before so many characters.
_LONGEST_MADE: Final = 40


class Draft(NamedTuple):
    """A card to be made, as the line of that number says it."""

    line: int
    id: str
    title: str
    phase: str | None
    priority: int
    depends_on: list[str]

    @property
    def as_json(self) -> bytes:
        """As a line of an import; that it has no title was said already."""
        named = {"id": self.id, "title": self.title or "…", "phase": self.phase}
        rest = {"priority": self.priority, "dependsOn": self.depends_on}
        return values.json_text({**named, **rest}).encode()


class _Read(NamedTuple):
    """A line taken apart: how far it is indented, its title, what its marks say."""

    line: int
    indent: int
    title: str
    marks: dict[str, str]
    waits_for: list[str]


def plan(session: Session, text: str, *, dry_run: bool = False) -> list[Draft]:
    """Make the cards of the outline, all or none; with `dry_run` they are only checked.

    A card waits for the cards indented below it and for those that `<id` names; its phase and its
    priority, if it says none, are those of the card above it. Without `#id` its id is made of its
    title. Raises a `Refusal` whose `faults` name every line that is wrong.
    """
    faults = Faults(MANY)
    drafts = read(text, faults)
    lines = [b""] * (drafts[-1].line if drafts else 0)
    for draft in drafts:
        lines[draft.line - 1] = draft.as_json
    try:
        import_cards(session, lines, dry_run=True)
    except Refusal as refusal:
        if not refusal.faults:
            raise
        _merge(faults, refusal)
    faults.refuse()
    if not dry_run:
        import_cards(session, lines)
    return drafts


def read(text: str, faults: Faults) -> list[Draft]:
    """The cards of an outline; `faults` is told of lines that say something twice.

    Raises `UsageError` for an outline without any card, or with more than `MOST`.
    """
    lines = list(_lines(values.text(text, "outline"), faults))
    if not 0 < len(lines) <= MOST:
        raise UsageError(f"an outline has from 1 to {MOST} cards, one a line, not {len(lines)}")
    ids = _ids(lines)
    drafts: list[Draft] = []
    above: list[tuple[int, Draft]] = []
    for line, card_id in zip(lines, ids, strict=True):
        while above and above[-1][0] >= line.indent:
            above.pop()
        parent = above[-1][1] if above else None
        draft = Draft(
            line.line,
            card_id,
            line.title,
            line.marks.get("phase") or (parent and parent.phase),
            int(line.marks.get("priority") or (parent.priority if parent else 0)),
            line.waits_for,
        )
        if parent:
            parent.depends_on.append(card_id)
        drafts.append(draft)
        above.append((line.indent, draft))
    return drafts


def _lines(text: str, faults: Faults) -> Iterator[_Read]:
    for number, line in enumerate(re.split(r"\r\n?|\n", text), 1):
        if not line.strip():
            continue
        written = line.expandtabs(4)
        said = written.lstrip()
        title, marks, waits_for = _marks(_BULLET.sub("", said, count=1))
        if not title:
            faults.add((number, 0), UsageError("it has no title before its marks"))
        known = {}
        for mark, given in marks.items():
            try:
                known[mark] = _once(mark, given)
            except UsageError as refusal:
                faults.add((number, 0), refusal)
        yield _Read(number, len(written) - len(said), title, known, waits_for)


def _once(mark: str, given: list[str]) -> str:
    """What a line says once, and what the cards below it may have from it."""
    if len(given) > 1:
        raise UsageError(f"it says its {mark} twice: {' and '.join(given)}")
    if mark == "priority":
        values.integer(given[0], mark)
    return values.name(given[0], mark) if mark == "phase" else given[0]


def _marks(said: str) -> tuple[str, dict[str, list[str]], list[str]]:
    """The title, what the marks after it say, and the ids that the card waits for."""
    end, found = len(said), []
    for word in reversed(list(_WORD.finditer(said))):
        mark = _MARK.fullmatch(word[0])
        if mark is None:
            break
        end = word.start()
        found.append((mark[1] or mark[3], (mark[2] or mark[4]).strip('"')))
    marks: dict[str, list[str]] = {}
    for sign, value in reversed(found):
        marks.setdefault(_SAID.get(sign, "waits_for"), []).append(value)
    return said[:end].strip(), marks, marks.pop("waits_for", [])


def _ids(lines: list[_Read]) -> list[str]:
    """The id of each: as the line says, or made of its title, another one for each."""
    taken = {line.marks["id"] for line in lines if "id" in line.marks}
    ids = []
    for line in lines:
        card_id = line.marks.get("id") or _another(_made(line.title), taken)
        taken.add(card_id)
        ids.append(card_id)
    return ids


def _made(title: str) -> str:
    made = "-".join(re.findall(r"[^\W_]+", normalize("NFC", title[:200].lower())))
    if len(made) > _LONGEST_MADE:
        made = made[: _LONGEST_MADE + 1].rpartition("-")[0] or made[:_LONGEST_MADE]
    return made or "card"


def _another(made: str, taken: set[str]) -> str:
    """What is made of the title, or that with the next number that makes another id of it."""
    if made not in taken:
        return made
    return next(each for n in count(2) if (each := f"{made}-{n}") not in taken)


def _merge(faults: Faults, refusal: Refusal) -> None:
    """What the import refuses, in the order of lines, and in words that an outline has."""
    for each in refusal.faults:
        told = each.replace(HOW_TO_CHANGE, "give this one another id, #…")
        faults.tell((_line(each), 0), type(refusal)(told))


def _line(told: str) -> int:
    found = re.match(r"line (\d+):", told)
    return int(found[1]) if found else MOST + 1
