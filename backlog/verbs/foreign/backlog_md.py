"""Backlog.md: a directory of Markdown files, one a task."""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from backlog.errors import UsageError
from backlog.lifecycle import BLOCKED, DONE, LONGEST_NAME, READY
from backlog.verbs.faults import Faults
from backlog.verbs.foreign import front_matter
from backlog.verbs.foreign.items import Item, Report, State, ranked, state, text, texts, unread

LABEL: Final = "Backlog.md"

# Of one file: what a body may have, of four bytes a character.
MOST_BYTES: Final = 16_000_000

_HOMES: Final = (".", "backlog", ".backlog")
_TASKS: Final = "tasks"
# The directories of tasks, with what those in them are, if it is not as they say themselves.
_DIRECTORIES: Final[Mapping[str, State | None]] = {
    _TASKS: None,
    "completed": State(DONE),
    "archive/tasks": State(DONE),
    "drafts": State(BLOCKED, "needs_input", "a draft in Backlog.md"),
    "archive/drafts": State(DONE),
}
_STATES: Final = {
    "to_do": State(READY),
    "todo": State(READY),
    "open": State(READY),
    "in_progress": State(READY),
    "doing": State(READY),
    "blocked": State(BLOCKED, "other", "blocked in Backlog.md"),
    "done": State(DONE),
}
_DRAFT: Final = "draft"

_FACTS: Final = {
    "labels": "Labels",
    "assignee": "Assignee",
    "reporter": "Reporter",
    "type": "Type",
    "parent_task_id": "Sub-task of",
    "subtasks": "Sub-tasks",
    "references": "References",
    "documentation": "Documentation",
    "modified_files": "Modified files",
    "due_date": "Due",
    "completed_date": "Completed",
}
_READ: Final = {
    *("id", "title", "status", "priority", "milestone", "created_date", "dependencies", *_FACTS)
}

_MARKER: Final = re.compile(r"<!-- (?:SECTION:\w+|AC|DOD|COMMENTS?):(?:BEGIN|END) -->\s*")
_CRITERION: Final = re.compile(r"\s*[-*] \[([ xX])\] (?:#\d+ )?(.*)")
_HEAD: Final = "## "
_NUMBER: Final = re.compile(r"(?:(.*?)-)?0*(\d+(?:\.\d+)*)")


class Page(NamedTuple):
    """A file of a task: its place, its front matter, its text, what its directory makes of it."""

    place: str
    keys: dict[str, Any]
    content: str
    state: State | None


def read(directory: str, report: Report, faults: Faults) -> list[Item]:
    """Every task of the directory, or of the one beside a project. `faults` is told of the files
    that cannot be read. Raises `UsageError` if it holds no tasks.
    """
    home = _home(Path(directory))
    pages = list(_pages(home, report, faults))
    milestones = _milestones(home)
    known = {**_STATES, **_last_status(home)}
    items = [_item(page, known, milestones, report) for page in pages]
    _meet(items, report)
    return items


def _home(directory: Path) -> Path:
    for name in _HOMES:
        if any((directory / name / each).is_dir() for each in _DIRECTORIES):
            return directory / name
    wanted = ", ".join(_DIRECTORIES)
    raise UsageError(
        f"{directory} holds no backlog of Backlog.md: it would have {wanted}, or backlog/ with them"
    )


def _pages(home: Path, report: Report, faults: Faults) -> Iterator[Page]:
    for name, what in _DIRECTORIES.items():
        for file in _files(home / name, report):
            place = f"{name}/{file.name}"
            try:
                found = front_matter.split(_text(file))
            except UsageError as refusal:
                faults.add_named(place, refusal)
                continue
            if found is None:
                report.left_out("file without front matter", place)
            else:
                yield Page(place, *found, what)


def _files(directory: Path, report: Report) -> list[Path]:
    """The Markdown in it, by number. What a link leads to is somebody else's."""
    # Not by `glob`, to which a directory that cannot be read is an empty one.
    entries = directory.iterdir() if directory.is_dir() else iter(())
    found = sorted((each for each in entries if each.name.endswith(".md")), key=_in_order)
    linked = [each for each in found if each.is_symlink() or directory.is_symlink()]
    for each in linked:
        report.left_out("symbolic link", f"{directory.name}/{each.name}")
    return [each for each in found if each not in linked and each.is_file()]


def _in_order(file: Path) -> list[tuple[int, str]]:
    """By their numbers, 4.2 before 4.10, whatever is written before and after them."""
    return [
        (len(part.lstrip("0")) if part.isdecimal() else 0, part)
        for part in re.split(r"(\d+)", file.name)
    ]


def _text(file: Path) -> str:
    """Raises `UsageError`."""
    try:
        with file.open("rb") as source:
            content = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}") from None
    if len(content) > MOST_BYTES:
        raise UsageError(f"it has more than {MOST_BYTES} bytes")
    try:
        return content.decode().replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise UsageError("it is not UTF-8") from None


def _milestones(home: Path) -> dict[str, str]:
    """The titles of milestones by id. What cannot be read has none."""
    titles = {}
    for file in _files(home / "milestones", Report()):
        try:
            keys, _ = front_matter.split(_text(file)) or ({}, "")
        except UsageError:
            continue
        titles[text(keys, "id").casefold()] = text(keys, "title")
    return titles


def _last_status(home: Path) -> dict[str, State]:
    """A project may have statuses of its own: the first is not begun, the last is done."""
    config = home / "config.yml"
    if config.is_symlink() or not config.is_file():
        return {}
    try:
        names = texts(front_matter.load(_text(config)), "statuses")
    except UsageError:
        return {}
    words = [name.casefold().replace("-", "_").replace(" ", "_") for name in names]
    return {words[0]: State(READY), words[-1]: State(DONE)} if len(words) > 1 else {}


def _item(
    page: Page, known: Mapping[str, State], milestones: Mapping[str, str], report: Report
) -> Item:
    keys = page.keys
    name = page.place.rpartition("/")[2]
    key = text(keys, "id").strip() or name.removesuffix(".md").partition(" - ")[0]
    title, status = text(keys, "title"), text(keys, "status")
    item = Item(page.place, key, key, title, _state(page, status, known, report, key))
    item.priority = ranked(text(keys, "priority"), report, 0, key)
    milestone = text(keys, "milestone").strip()
    item.phase = milestones.get(milestone.casefold()) or milestone
    item.created = text(keys, "created_date")
    item.waits = texts(keys, "dependencies")
    for fact, label in _FACTS.items():
        item.tell(label, *texts(keys, fact))
    if status.casefold() not in ("to do", "done"):
        item.tell("Status", status)
    if page.place.startswith("archive/"):
        item.tell("Archived", "yes")
    _fill(item, page.content)
    unread(keys, _READ, report, key)
    return item


def _state(page: Page, status: str, known: Mapping[str, State], report: Report, key: str) -> State:
    if page.state is None and status.casefold() != _DRAFT:
        return state(status, known, LABEL, report, key)
    found = page.state or _DIRECTORIES["drafts"] or State(BLOCKED)
    report.mapped(f"{page.place.rpartition('/')[0]}/ → {found.status}")
    return found


def _fill(item: Item, content: str) -> None:
    """The text of a task is the card's, but for the criteria, and for marks that tools need."""
    kept: list[str] = []
    for part in re.split(r"^(?=## )", _MARKER.sub("", content), flags=re.M):
        head, _, rest = part.partition("\n")
        title = head.removeprefix(_HEAD).strip().casefold()
        if title == "acceptance criteria" and _take(item, rest):
            continue
        said = rest if title == "description" and not kept else part
        kept += filter(None, [said.strip()])
    item.description = "\n\n".join(kept)


def _take(item: Item, section: str) -> bool:
    """Make criteria of a section of boxes; if more stands in it, it is left as it is."""
    known = item.acceptance = item.acceptance or []  # of a section before
    criteria: list[list[str]] = []
    met: list[str] = []
    for line in filter(str.strip, section.split("\n")):
        if found := _CRITERION.fullmatch(line):
            criteria.append([found[2]])
            met += [str(len(known) + len(criteria))] if found[1] != " " else []
        elif criteria and line[:1].isspace():
            criteria[-1].append(line.strip())
        else:
            return False
    known += map("\n".join, criteria)
    item.tell("Criteria met", *met)
    return True


def _meet(items: list[Item], report: Report) -> None:
    """Let edges name what they mean: ids are the same in small letters, and a project that has
    renamed its tasks from task-4 to BACK-4 still says task-4.
    """
    by_key = {item.key.casefold(): item.key for item in reversed(items)}
    by_number: dict[str, set[str]] = {}
    for item in items:
        if (found := _numbered(item.key)) and (found[1] or "").casefold() != _DRAFT:
            by_number.setdefault(found[2], set()).add(item.key)
    for item in items:
        for at, said in enumerate(item.waits):
            number = _numbered(said)
            meant = by_number.get(number[2], set()) if number else set()
            named = by_key.get(said.strip().casefold())
            if not named and len(meant) == 1:
                named = min(meant)
                report.mapped("dependency of another prefix → the task of that number")
            item.waits[at] = named or said.strip()


def _numbered(key: str) -> "re.Match[str] | None":
    return _NUMBER.fullmatch(key.strip()) if len(key) <= LONGEST_NAME else None
