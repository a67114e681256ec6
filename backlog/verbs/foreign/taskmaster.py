"""Task Master: tasks with sub-tasks in one JSON object, in earlier ages without tags."""

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from backlog.errors import UsageError
from backlog.lifecycle import BLOCKED, DONE, READY
from backlog.verbs.faults import Faults
from backlog.verbs.foreign.items import (
    Item,
    Record,
    Report,
    State,
    ranked,
    records,
    state,
    text,
    texts,
    unread,
)

LABEL: Final = "Task Master"

# The tag that everything is in where nobody made one: its tasks keep their ids.
_MASTER: Final = "master"

_STATES: Final = {
    "pending": State(READY),
    "in_progress": State(READY),
    "review": State(BLOCKED, "needs_input", "in review in Task Master"),
    "deferred": State(BLOCKED, "other", "deferred in Task Master"),
    "blocked": State(BLOCKED, "other", "blocked in Task Master"),
    "cancelled": State(DONE),
    "done": State(DONE),
    "completed": State(DONE),
}
_SECTIONS: Final = {"details": "Details", "testStrategy": "Test strategy"}
_FACTS: Final = {"assignee": "Assignee", "complexity": "Complexity", "completedAt": "Completed"}
_READ: Final = {
    *("id", "title", "description", "status", "priority", "dependencies", "subtasks", "createdAt"),
    *("acceptanceCriteria", "labels", "tags", *_SECTIONS, *_FACTS),
}
_MEDIUM: Final = 2


class Task(NamedTuple):
    """A task in its file; `within` is the key of what it is a part of, if it is a sub-task."""

    tag: str
    key: str
    within: str
    record: Record


def read(lines: Sequence[bytes], report: Report, faults: Faults) -> list[Item]:
    """Every task and sub-task. `faults` is told of what is none."""
    found: list[Task] = []
    for place, document in records(lines, faults):
        tags = _tags(document)
        if not tags:
            faults.add_named(place, UsageError("there are no tasks in it; tasks.json is awaited"))
        for tag, tasks in tags.items():
            found += _tasks(tag, tasks, faults)
    keys = {task.key for task in found}
    by_own: dict[tuple[str, str], list[str]] = {}
    for task in found:
        if task.within:
            by_own.setdefault((task.tag, text(task.record, "id").strip()), []).append(task.key)
    return [_item(task, keys, by_own, report) for task in found]


def _tags(document: Record) -> dict[str, list[Any]]:
    if isinstance(document.get("tasks"), list):
        return {_MASTER: document["tasks"]}
    return {
        tag: value["tasks"]
        for tag, value in document.items()
        if isinstance(value, dict) and isinstance(value.get("tasks"), list)
    }


def _tasks(tag: str, tasks: list[Any], faults: Faults) -> Iterator[Task]:
    """The tasks of a tag, each before its sub-tasks, however deep they are."""
    before = "" if tag == _MASTER else f"{tag}/"
    ahead = [(before, "", task) for task in reversed(tasks)]
    while ahead:
        before, within, record = ahead.pop()
        own = text(record, "id").strip() if isinstance(record, dict) else ""
        if not own:
            where = f"a sub-task of {within}" if within else f"a task of {tag}"
            faults.add_named(where, UsageError("it has no id"))
            continue
        # Some write the id of a sub-task with that of its task, most without.
        key = own if within and own.startswith(before) else before + own
        yield Task(tag, key, within, record)
        parts = record.get("subtasks")
        if isinstance(parts, list):
            ahead += [(f"{key}.", key, part) for part in reversed(parts)]


def _item(
    task: Task, keys: set[str], by_own: dict[tuple[str, str], list[str]], report: Report
) -> Item:
    record, key = task.record, task.key
    status = text(record, "status") or "pending"
    item = Item(
        f"task {key}", key, key, text(record, "title"), state(status, _STATES, LABEL, report, key)
    )
    item.priority = ranked(text(record, "priority"), report, _MEDIUM, key)
    item.phase = "" if task.tag == _MASTER else task.tag
    item.created = text(record, "createdAt")
    item.description = text(record, "description")
    item.acceptance = texts(record, "acceptanceCriteria")
    item.sections = [(head, text(record, name)) for name, head in _SECTIONS.items()]
    item.waits = [_meant(each, task, keys, by_own) for each in texts(record, "dependencies", "id")]
    item.tell("Sub-task of", task.within)
    if status not in ("pending", "done"):
        item.tell("Status", status)
    item.tell("Labels", *texts(record, "labels"), *texts(record, "tags"))
    for name, label in _FACTS.items():
        item.tell(label, text(record, name))
    report.mapped("sub-task → card" if task.within else "task → card")
    unread(record, _READ, report, key)
    return item


def _meant(said: str, task: Task, keys: set[str], by_own: dict[tuple[str, str], list[str]]) -> str:
    """The key that a task's dependency names: of a sub-task beside it, of a task, or of the only
    sub-task that is called so.
    """
    own = said.strip()
    tag = "" if task.tag == _MASTER else f"{task.tag}/"
    beside = [f"{task.within}.{own}"] if task.within else []
    for key in (*beside, tag + own):
        if key in keys:
            return key
    called_so = by_own.get((task.tag, own), [])
    return called_so[0] if len(called_so) == 1 else tag + own
