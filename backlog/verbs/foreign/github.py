"""GitHub: issues as `gh issue list --json …` prints them, or as its REST API returns them."""

import re
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

from backlog.errors import UsageError
from backlog.lifecycle import DONE, READY
from backlog.verbs.faults import Faults
from backlog.verbs.foreign.items import (
    PRIORITIES,
    Item,
    Record,
    Report,
    State,
    as_text,
    records,
    state,
    text,
    texts,
)

LABEL: Final = "GitHub"

_STATES: Final = {"open": State(READY), "closed": State(DONE)}

# "P1", "priority: high", "priority/p1", "high priority"; not "high" alone, which may be anything.
_RANK: Final = rf"(?:p?([0-4])|({'|'.join(PRIORITIES)}))"
_PRIORITY: Final = re.compile(
    rf"p([0-4])|prio(?:rity)?[\s:/_-]+{_RANK}|({'|'.join(PRIORITIES)})[\s_-]+prio(?:rity)?"
)
_LOWEST: Final = 4


def read(lines: Sequence[bytes], report: Report, faults: Faults) -> list[Item]:
    """The issues but the pull requests, which the REST API has among them. `faults` is told of
    what is none.
    """
    items: list[Item] = []
    for place, record in records(lines, faults):
        number = text(record, "number")
        if not number.isdecimal():
            wanted = "number is missing; gh issue list --json number,title,state,… prints it"
            faults.add_named(place, UsageError(wanted))
        elif record.get("pull_request") is not None:
            report.left_out("pull request", _id(number, record))
        else:
            items.append(_item(place, _id(number, record), record, report))
    return items


def _id(number: str, record: Record) -> str:
    """As GitHub itself writes it from elsewhere: owner/repository#number."""
    url = _either(record, "html_url", "url")
    found = re.fullmatch(r"/([^/]+/[^/]+)/(?:issues|pull)/\d+", _path(url))
    return f"{found[1] if found else ''}#{number}"


def _path(url: str) -> str:
    try:
        return urlsplit(url).path
    except ValueError:
        return ""


def _item(place: str, key: str, record: Record, report: Report) -> Item:
    item = Item(place, key, key, text(record, "title"), _state(record, report, key))
    labels = texts(record, "labels")
    item.priority = _priority(labels, report)
    item.phase = "".join(texts(record, "milestone", "title")[:1])
    item.created = _either(record, "createdAt", "created_at")
    item.description = text(record, "body")
    item.sections = [("Comments", _comments(record, report, key))]
    item.tell("Labels", *labels)
    item.tell("Assignees", *texts(record, "assignees", "login"))
    item.tell("Opened by", *texts(record, "author", "login"), *texts(record, "user", "login"))
    item.tell("Closed", _either(record, "closedAt", "closed_at"))
    item.tell("Closed as", _reason(record))
    item.tell("Address", _either(record, "html_url", "url"))
    return item


def _state(record: Record, report: Report, key: str) -> State:
    found = state(text(record, "state"), _STATES, LABEL, report, key)
    if (reason := _reason(record)) not in ("", "completed") and found.status == DONE:
        report.mapped(f"closed as {reason} → done")
    return found


def _reason(record: Record) -> str:
    return _either(record, "stateReason", "state_reason").casefold().replace("_", " ")


def _priority(labels: Sequence[str], report: Report) -> int:
    """What the first label says that ranks; 0 if none does."""
    for label in labels:
        if found := _PRIORITY.fullmatch(label.strip().casefold()):
            rank = next(filter(None, found.groups()))
            number = _LOWEST - int(rank) if rank.isdecimal() else PRIORITIES[rank]
            report.mapped(f"label {label} → priority {number}")
            return number
    return 0


def _comments(record: Record, report: Report, key: str) -> str:
    comments: Any = record.get("comments")
    if not isinstance(comments, list):
        if as_text(comments) not in ("", "0"):
            report.left_out("comments, of which the API tells here only how many", key)
        return ""
    return "\n\n".join(
        f"{', '.join([*texts(each, 'author', 'login'), text(each, 'createdAt')])}:\n\n"
        f"{text(each, 'body')}"
        for each in comments
        if isinstance(each, dict)
    )


def _either(record: Record, one: str, other: str) -> str:
    return text(record, one) or text(record, other)
