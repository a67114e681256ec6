"""What a language model needs to work on a card, as Markdown of a bounded size.

What people and workers wrote may hold anything, headings and fences too. All of it stands in block
quotes, which nothing within can end, so the headings are the structure and the rest is quoted.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from backlog.lifecycle import CLAIMED, DEFAULT_BRIEFING_BYTES
from backlog.records import Record, iso
from backlog.session import Session
from backlog.values import parse_json
from backlog.verbs.cards import show

_ATTEMPTS: Final = 5
_BLOCKS: Final = 5
_DEPENDENCIES: Final = 50
_SHORT: Final = 100

_NEEDED: Final = f"""
SELECT needed.id, card.title, card.status, (
    SELECT summary FROM backlog_ended_run run
    WHERE run.card_id = needed.id AND outcome = 'completed' ORDER BY run.id DESC LIMIT 1
) FROM jsonb_array_elements_text(%s::jsonb) WITH ORDINALITY AS needed (id, place)
LEFT JOIN backlog card ON card.id = needed.id ORDER BY place LIMIT {_DEPENDENCIES}"""

_BEFORE: Final = f"""
SELECT attempt, owner, started_at, ended_at, outcome, summary FROM backlog_ended_run
WHERE card_id = %s ORDER BY id DESC LIMIT {_ATTEMPTS}"""

_BLOCKED: Final = f"""
SELECT at, actor, note FROM backlog_event WHERE card_id = %s AND to_status = 'blocked'
    AND from_status IS DISTINCT FROM 'blocked' ORDER BY id DESC LIMIT {_BLOCKS}"""


class _Part(NamedTuple):
    """A line of ours, and what others wrote under it."""

    line: str
    text: str = ""

    def render(self) -> str:
        """The part as Markdown; each line of the text is quoted."""
        quoted = "\n".join(f"> {line}".rstrip() for line in self.text.rstrip().splitlines())
        return f"{self.line}\n\n{quoted}".strip()


class _Section(NamedTuple):
    heading: str
    parts: list[_Part]

    @property
    def said(self) -> bool:
        return any(part.line or part.text.strip() for part in self.parts)


def briefing(session: Session, card_id: str, max_bytes: int = DEFAULT_BRIEFING_BYTES) -> str:
    """The card, what it asks for, what came before. Raises `NotFound`.

    At most `max_bytes` (1,000 or more) of UTF-8: the longest texts are cut, and say so.
    """
    card = show(session, card_id)
    sections = [
        _Section("", _facts(card)),
        _Section("Description", [_Part("", card.body or "")]),
        _Section("Acceptance criteria", _criteria(card.acceptance)),
        _Section("What it builds on", _needed(session, card)),
        _Section("Attempts before", _attempts(session, card)),
        _Section("Blocks", _blocks(session, card)),
    ]
    return _fit([each for each in sections if each.said], max_bytes)


def _facts(card: Record) -> list[_Part]:
    facts = {
        "phase": card.phase,
        "role": card.role,
        "priority": card.priority,
        "status": card.lease if card.status == CLAIMED else card.status,
        "attempts": card.attempts,
    }
    lines = [f"# Card {_short(card.id)}: {_short(card.title)}", ""]
    lines += [f"- {name}: {_short(str(v))}" for name, v in facts.items() if v is not None]
    return [_Part("\n".join([*lines, "", "Quoted text is what people and workers wrote."]))]


def _criteria(acceptance: str | None) -> list[_Part]:
    if acceptance is None:
        return []
    criteria = parse_json(acceptance)
    if isinstance(criteria, list) and all(isinstance(each, str) for each in criteria):
        return [_Part("", "\n".join("- [ ] " + _one_line(each) for each in criteria))]
    return [_Part("", criteria if isinstance(criteria, str) else acceptance)]


def _needed(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_NEEDED, (card.depends_on,)).fetchall()
    parts = []
    for needed, title, status, summary in rows:
        name = f"### {_short(needed)}" + (f": {_short(title)}" if title else "")
        parts.append(_Part(f"{name} ({status or 'does not exist'})", summary or ""))
    more = len(card.dependencies) - len(parts)
    return [*parts, _Part(f"*{more} more are left out.*")] if more else parts


def _attempts(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_BEFORE, (card.id,)).fetchall()[::-1]
    return [
        _Part(
            f"### {f'Attempt {attempt}' if attempt else 'Without a claim'} of {_short(owner)}:"
            f" {outcome} ({iso(started)} to {iso(ended)})",
            summary or "",
        )
        for attempt, owner, started, ended, outcome, summary in rows
    ]


def _blocks(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_BLOCKED, (card.id,)).fetchall()[::-1]
    return [_Part(f"### {iso(at)} by {_short(actor)}", note or "") for at, actor, note in rows]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _short(text: str) -> str:
    line = _one_line(text)
    return line if len(line) <= _SHORT else line[: _SHORT - 1] + "…"


# The size -----------------------------------------------------------------------------------------


def _fit(sections: Sequence[_Section], most: int) -> str:
    headings = [f"## {each.heading}\n\n" if each.heading else "" for each in sections]
    # Each section ends with a line break, and all but the last with an empty line.
    room = most - sum(map(_size, headings)) - 2 * len(sections)
    wholes = ["\n\n".join(part.render() for part in each.parts) for each in sections]
    rooms = _shares(map(_size, wholes), room)
    bodies = [
        _cut_section(each, whole, share)
        for each, whole, share in zip(sections, wholes, rooms, strict=True)
    ]
    return "\n\n".join(map("".join, zip(headings, bodies, strict=True))) + "\n"


def _cut_section(section: _Section, whole: str, room: int) -> str:
    """The section in so many bytes: each part gets its share, then what is left is cut off."""
    if _size(whole) <= room:
        return whole
    parts = [part.render() for part in section.parts]
    shares = _shares(map(_size, parts), room - 2 * (len(parts) - 1))
    cut = [
        _cut(part, max(share, _size(f"{each.line}\n\n") + _LEAST_TEXT))
        for part, share, each in zip(parts, shares, section.parts, strict=True)
    ]
    return _cut("\n\n".join(cut), room)


_LEAST_TEXT: Final = 80


def _cut(text: str, room: int) -> str:
    """The text in so many bytes, with a mark of how many are missing; no character is cut."""
    encoded = text.encode()
    if len(encoded) <= room:
        return text
    mark = "\n\n*Cut here: {:,} bytes are left out.*"
    kept = encoded[: max(0, room - len(mark.format(len(encoded))))].decode(errors="ignore")
    return kept + mark.format(len(encoded) - _size(kept))


def _shares(wanted: Iterable[int], room: int) -> list[int]:
    """Room for each: as much as it wants, or as much as any other gets that wants more."""
    sizes = list(wanted)
    shares = [0] * len(sizes)
    left = sorted(range(len(sizes)), key=sizes.__getitem__)
    for place, which in enumerate(left):
        shares[which] = min(sizes[which], max(0, room) // (len(left) - place))
        room -= shares[which]
    return shares


def _size(text: str) -> int:
    return len(text.encode())
