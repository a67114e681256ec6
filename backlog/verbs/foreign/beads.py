"""Beads: a JSON object an issue, as `.beads/issues.jsonl` has them and `bd list --json` prints."""

from collections.abc import Sequence
from typing import Any, Final

from backlog.errors import UsageError
from backlog.lifecycle import BLOCKED, DONE, READY
from backlog.values import Digits
from backlog.verbs.faults import Faults
from backlog.verbs.foreign.items import (
    Item,
    Record,
    Report,
    State,
    records,
    state,
    text,
    texts,
    unread,
)

LABEL: Final = "Beads"

_TOMBSTONE: Final = "tombstone"
_BLOCKED: Final = State(BLOCKED, "other", "blocked in Beads")
_STATES: Final = {
    "open": State(READY),
    "in_progress": State(READY),  # its lease, if there was one, is not ours
    "hooked": State(READY),
    "blocked": _BLOCKED,
    "deferred": State(BLOCKED, "other", "deferred in Beads"),
    "pinned": State(BLOCKED, "other", "pinned in Beads"),
    "closed": State(DONE),
}
_AT_WORK: Final = ("in_progress", "hooked")

# Of the kinds of edges those that keep an issue waiting. All others stand in the body.
_BLOCKING: Final = ("blocks", "waits-for")
_PARENT: Final = "parent-child"

# Theirs counts from 0, the most urgent, to 4.
_LOWEST: Final = 4
_DEFAULT: Final = 2

_FACTS: Final = {
    "issue_type": "Type",
    "created_by": "Created by",
    "owner": "Owner",
    "estimated_minutes": "Estimate in minutes",
    "external_ref": "External reference",
    "due_at": "Due",
    "closed_at": "Closed",
    "close_reason": "Close reason",
}
_SECTIONS: Final = {"design": "Design", "notes": "Notes"}
_READ: Final = {
    *("id", "title", "description", "status", "priority", "created_at", "defer_until", "labels"),
    *("acceptance_criteria", "assignee", "comments", "dependencies", *_FACTS, *_SECTIONS),
}
# What an export of ours writes and no issue has: read as one, it would lose all of that.
_OUR_OWN: Final = {"dependsOn", "createdAt"}


def read(lines: Sequence[bytes], report: Report, faults: Faults) -> list[Item]:
    """The issues but the tombstones. `faults` is told of what is none."""
    items: list[Item] = []
    parents: dict[str, str] = {}
    for place, record in records(lines, faults):
        if not (key := text(record, "id").strip()):
            faults.add_named(place, UsageError("id is missing"))
        elif _OUR_OWN & record.keys():
            faults.add_named(place, UsageError("this is a card already: leave out --from"))
        elif text(record, "status") == _TOMBSTONE:
            report.left_out(_TOMBSTONE, key)
        else:
            items.append(_item(place, key, record, parents, report))
    _phases(items, parents)
    return items


def _item(place: str, key: str, record: Record, parents: dict[str, str], report: Report) -> Item:
    status = text(record, "status")
    item = Item(place, key, key, text(record, "title"), _state(status, record, report, key))
    item.priority = _priority(record.get("priority"), report, key)
    item.created = text(record, "created_at")
    item.not_before = text(record, "defer_until")
    item.description = text(record, "description")
    item.acceptance = _criteria(text(record, "acceptance_criteria"))
    item.sections = [(head, text(record, key)) for key, head in _SECTIONS.items()]
    item.sections.append(("Comments", _comments(record.get("comments"))))
    item.tell("Labels", *texts(record, "labels"))
    item.tell("In progress, with" if status in _AT_WORK else "Assignee", text(record, "assignee"))
    for name, label in _FACTS.items():
        if text(record, name) != "0":
            item.tell(label, text(record, name))
    _edges(item, record.get("dependencies"), parents, report)
    if item.state is _BLOCKED and item.waits:
        item.state = _BLOCKED._replace(reason="dependency")
    unread(record, _READ, report, key)
    return item


def _state(status: str, record: Record, report: Report, key: str) -> State:
    """A card that is put off to a time is held back until then; without one, somebody must say."""
    if status == "deferred" and text(record, "defer_until").strip():
        report.mapped("status deferred → ready, held back")
        return State(READY)
    return state(status, _STATES, LABEL, report, key)


def _priority(value: Any, report: Report, key: str) -> int:
    """Theirs turned round: 0 is 4. One beyond 4 is below 0 here."""
    if value is None:
        return _LOWEST - _DEFAULT
    if not isinstance(value, Digits) or not value.isdecimal() or len(value) > 6:
        report.changed(f"priority that is no number → {_LOWEST - _DEFAULT}", key)
        return _LOWEST - _DEFAULT
    report.mapped(f"priority {value} → {_LOWEST - int(value)}")
    return _LOWEST - int(value)


def _criteria(said: str) -> list[str]:
    """A criterion a line, without its bullet. Some wrote the two characters of an escape."""
    lines = said.replace("\\n", "\n") if "\n" not in said else said
    plain = (line.strip().removeprefix("-").removeprefix("*").strip() for line in lines.split("\n"))
    return [each.removeprefix("[ ]").removeprefix("[x]").strip() for each in plain if each]


def _comments(comments: Any) -> str:
    found = comments if isinstance(comments, list) else []
    return "\n\n".join(
        f"{text(each, 'author')}, {text(each, 'created_at')}:\n\n{text(each, 'text')}"
        for each in found
        if isinstance(each, dict)
    )


def _edges(item: Item, edges: Any, parents: dict[str, str], report: Report) -> None:
    """The edges of an issue, as the file has them or, with the other issue's title, the command."""
    others: dict[str, list[str]] = {}
    for edge in edges if isinstance(edges, list) else []:
        kind, other = _edge(edge if isinstance(edge, dict) else {"id": edge})
        report.mapped(f"edge {kind} → {'dependency' if kind in _BLOCKING else 'body'}")
        if kind in _BLOCKING:
            item.waits.append(other)
        else:
            others.setdefault(kind, []).append(other)
    for kind, keys in others.items():
        item.tell("Parent" if kind == _PARENT else kind.capitalize(), *keys)
    if _PARENT in others:
        parents[item.key] = others[_PARENT][0]


def _edge(edge: Record) -> tuple[str, str]:
    kind = text(edge, "type") or text(edge, "dependency_type") or "blocks"
    return kind, (text(edge, "depends_on_id") or text(edge, "id")).strip()


def _phases(items: Sequence[Item], parents: dict[str, str]) -> None:
    """The issues of an epic, and itself, are a phase by its title."""
    titles = {item.key: item.title for item in items}
    with_parts = set(parents.values())
    for item in items:
        own = item.key if item.key in with_parts else ""
        item.phase = titles.get(parents.get(item.key, own), "")
