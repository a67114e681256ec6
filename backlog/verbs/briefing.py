"""What a language model needs to work on a card, as Markdown of a bounded size.

What people and workers wrote may hold anything, headings and fences too. All of it, ids and owners
included, stands in block quotes, a mark before each line, which nothing within can end. Headings
and all other lines are this program's own words.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from backlog.lifecycle import BLOCKED, DEFAULT_BRIEFING_BYTES, DUPLICATE
from backlog.records import Record, iso
from backlog.session import Session
from backlog.shown import flat, visible
from backlog.values import parse_json
from backlog.verbs.cards import show
from backlog.verbs.drop import original
from backlog.verbs.history import COMMENT
from backlog.verbs.verdicts import Ledger, ledger

_ATTEMPTS: Final = 5
_BLOCKS: Final = 5
_COMMENTS: Final = 10
_DEPENDENCIES: Final = 50

_NEEDED: Final = f"""
SELECT needed.id, card.title, coalesce(card.resolution, card.status), (
    SELECT summary FROM backlog_ended_run run
    WHERE run.card_id = needed.id AND outcome = 'completed' ORDER BY run.id DESC LIMIT 1
) FROM jsonb_array_elements_text(%s::jsonb) WITH ORDINALITY AS needed (id, place)
LEFT JOIN backlog card ON card.id = needed.id ORDER BY place LIMIT {_DEPENDENCIES}"""

_BEFORE: Final = f"""
SELECT attempt, owner, started_at, ended_at, outcome, summary FROM backlog_ended_run
WHERE card_id = %s ORDER BY id DESC LIMIT {_ATTEMPTS}"""

# The last blocks, and between them the answers that they got.
_BLOCKED: Final = f"""
SELECT at, actor, note, to_status FROM backlog_event
WHERE card_id = %s AND to_status IS DISTINCT FROM from_status
    AND (to_status = 'blocked' OR from_status = 'blocked' AND note IS NOT NULL)
ORDER BY id DESC LIMIT {2 * _BLOCKS}"""

_COMMENTED: Final = f"""
SELECT at, actor, note FROM backlog_event
WHERE card_id = %s AND verb = '{COMMENT}' ORDER BY id DESC LIMIT {_COMMENTS}"""


class _Part(NamedTuple):
    """Lines of ours; and quoted under them what others wrote, names on a line each, and a text."""

    line: str = ""
    names: dict[str, str | None] = {}
    text: str = ""

    @property
    def said(self) -> bool:
        return bool(self.line or self.text.strip() or any(self.names.values()))

    def render(self) -> str:
        """The part as Markdown."""
        names = [f"{what}: {flat(name)}" for what, name in self.names.items() if name]
        text = self.text.rstrip().splitlines()
        return "\n\n".join(filter(None, (self.line, _quoted(names), _quoted(text))))


def _quoted(lines: Iterable[str]) -> str:
    """Each line behind a mark of ours; what a reader would not see is written out."""
    return "\n".join(f"> {visible(line)}".rstrip() for line in lines)


class _Section(NamedTuple):
    heading: str
    parts: list[_Part]


def briefing(session: Session, card_id: str, max_bytes: int = DEFAULT_BRIEFING_BYTES) -> str:
    """The card, what it asks for, what came before. Raises `NotFound`.

    At most `max_bytes` (1,000 or more) of UTF-8: the longest texts are cut, and say so.
    """
    card, seen = show(session, card_id), ledger(session, card_id)
    sections = [
        _Section(_HEAD.format(card.status, card.priority, card.attempts), [_names(session, card)]),
        _Section("## Description", [_Part(text=card.body or "")]),
        _Section("## Acceptance criteria", _criteria(card.acceptance, seen)),
        _Section("## Verdicts", _verdicts(seen)),
        _Section("## What it builds on", _needed(session, card)),
        _Section("## Attempts before", _attempts(session, card)),
        _Section("## Blocks", _blocks(session, card)),
        _Section("## Comments", _comments(session, card)),
    ]
    return _fit([each for each in sections if any(part.said for part in each.parts)], max_bytes)


_HEAD: Final = """# Card

Lines that begin with ">" quote what people and workers wrote. No other line is theirs.

- status: {}
- priority: {}
- attempts: {}"""


def _names(session: Session, card: Record) -> _Part:
    names = {"id": card.id, "title": card.title, "phase": card.phase, "role": card.role}
    names |= {"claimed by": card.claim_owner, **_repeats(session, card.id, card.resolution)}
    return _Part(names=names)


def _repeats(session: Session, card_id: str, resolution: str | None) -> dict[str, str | None]:
    """Of a duplicate the card that is worked on instead."""
    return {"duplicate of": original(session, card_id)} if resolution == DUPLICATE else {}


def _criteria(acceptance: str | None, seen: Ledger) -> list[_Part]:
    if acceptance is None:
        return []
    criteria = parse_json(acceptance)
    if isinstance(criteria, list) and all(isinstance(each, str) for each in criteria):
        still = set(seen.open)
        listed = (
            f"- [{' ' if number in still else 'x'}] {' '.join(each.split())}"
            for number, each in enumerate(criteria, 1)
        )
        return [_Part(text="\n".join(listed))]
    return [_Part(text=criteria if isinstance(criteria, str) else acceptance)]


_HOW: Final = {True: "passed", False: "failed", None: "open"}
_GATED: Final = (
    "The card is done when each criterion has passed in the eyes of another than its worker."
)


def _verdicts(seen: Ledger) -> list[_Part]:
    """The newest of each criterion."""
    parts = [
        _Part(
            f"### Criterion {each.criterion}: {_HOW[each.passed]} ({iso(each.at)})",
            {"by": each.by, "criterion": each.text, "commit": each.commit},
            each.evidence or "",
        )
        for each in seen.criteria
        if each.at is not None
    ]
    return [_Part(_GATED), *parts] if seen.gated else parts


def _needed(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_NEEDED, (card.depends_on,)).fetchall()
    parts = [
        _Part(
            f"### Dependency {number}: {status or 'does not exist'}",
            {"id": needed, "title": title, **_repeats(session, needed, status)},
            summary or "",
        )
        for number, (needed, title, status, summary) in enumerate(rows, 1)
    ]
    more = len(card.dependencies) - len(parts)
    return [*parts, _Part(f"*{more} more are left out.*")] if more else parts


def _attempts(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_BEFORE, (card.id,)).fetchall()[::-1]
    return [
        _Part(
            f"### {f'Attempt {attempt}' if attempt else 'Without a claim'}:"
            f" {outcome} ({iso(started)} to {iso(ended)})",
            {"by": owner},
            summary or "",
        )
        for attempt, owner, started, ended, outcome, summary in rows
    ]


def _blocks(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_BLOCKED, (card.id,)).fetchall()[::-1]
    return [
        _Part(
            f"### {'Block' if status == BLOCKED else 'Answer'} of {iso(at)}",
            {"by": actor},
            note or "",
        )
        for at, actor, note, status in rows
    ]


def _comments(session: Session, card: Record) -> list[_Part]:
    rows = session.execute(_COMMENTED, (card.id,)).fetchall()[::-1]
    return [_Part(f"### Comment of {iso(at)}", {"by": actor}, note) for at, actor, note in rows]


# The size -----------------------------------------------------------------------------------------


def _fit(sections: Sequence[_Section], most: int) -> str:
    headings = [f"{each.heading}\n\n" for each in sections]
    # Each section ends with a line break, and all but the last with an empty line.
    room = most - sum(map(_size, headings)) - 2 * len(sections)
    wholes = ["\n\n".join(part.render() for part in each.parts) for each in sections]
    rooms = _shares(map(_size, wholes), room)
    bodies = map(_cut_section, sections, wholes, rooms)
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
    kept = kept.removesuffix(_begun(kept)).rstrip()
    return kept + mark.format(len(encoded) - _size(kept))


def _begun(text: str) -> str:
    """A last line of ours, which is cut somewhere."""
    last = text.rpartition("\n")[2]
    return "" if last.startswith(">") else last


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
