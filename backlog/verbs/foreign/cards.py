"""Items of another tracker as the lines of cards that `import` takes."""

from collections.abc import Sequence
from typing import Any, Final

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_NAME, LONGEST_TEXT, READY
from backlog.session import Session
from backlog.verbs.foreign import fitting
from backlog.verbs.foreign.edges import settle
from backlog.verbs.foreign.items import Item, Report

_NO_TITLE: Final = "(without a title)"


def to_lines(session: Session, items: list[Item], label: str, report: Report) -> list[bytes]:
    """A line for each item, in their order; `report` is told what had to be made to fit."""
    settle(session, items, _name(items, report), report)
    return [values.json_text(_card(item, label, report)).encode() for item in items]


def _name(items: Sequence[Item], report: Report) -> dict[str, str]:
    """Give every item an id of its own that a card may have; returns the ids by key."""
    taken: set[str] = set()
    numbers: dict[str, int] = {}  # the last of each: 100,000 of one id are counted once
    by_key: dict[str, str] = {}
    for item in items:
        wanted = item.id
        fit = item.id = fitting.card_id(wanted) or "_"
        number = numbers.get(fit, 1)
        while item.id in taken:
            number += 1
            item.id = f"{fit[: LONGEST_NAME - 8]}~{number}"
        numbers[fit] = number
        if item.id != wanted.strip():
            item.tell("Id", wanted)
            why = "id that is there twice" if number > 1 else "id that no card can have"
            report.changed(why, item.id)
        taken.add(item.id)
        by_key.setdefault(item.key, item.id)
    return by_key


def _card(item: Item, label: str, report: Report) -> dict[str, Any]:
    criteria = _criteria(item)
    return {
        "id": item.id,
        "title": _title(item, report),
        "phase": _phase(item, report),
        "priority": item.priority,
        **_status(item),
        "dependsOn": item.waits,
        "acceptance": criteria,
        "createdAt": _moment(item, item.created, "createdAt", report),
        "notBefore": _moment(item, item.not_before, "notBefore", report),
        "body": _body(item, label, report),
    }


def _status(item: Item) -> dict[str, Any]:
    """Nothing of what is open there: a new card is ready, and one that a worker has here, or has
    done, is not taken from it by another import."""
    if item.state.status == READY:
        return {}
    return {
        "status": item.state.status,
        "blockReason": item.state.reason,
        "blockNote": item.state.note and fitting.text(item.state.note),
    }


def _title(item: Item, report: Report) -> str:
    title = fitting.text(item.title)
    if not title.strip():
        report.changed("title that is empty", item.id)
        return _NO_TITLE
    if title != item.title:
        report.changed("title that no card can have", item.id)
    return title


def _phase(item: Item, report: Report) -> str | None:
    phase = fitting.name(item.phase)
    if phase != " ".join(item.phase.split()):
        report.changed("phase that is too long, or cannot be seen", item.id)
        item.tell("Phase", item.phase)
    return phase or None


def _criteria(item: Item) -> list[str] | None:
    """The criteria, unless they are more than a card may have: then they stand in the body."""
    if not item.acceptance:
        return None
    criteria = [fitting.text(each) for each in item.acceptance]
    try:
        values.check_json(criteria, "acceptance")
    except UsageError:
        item.sections.append(("Acceptance criteria", "\n".join(criteria)))
        return None
    return criteria


def _moment(item: Item, value: str, key: str, report: Report) -> str | None:
    moment = fitting.moment(value)
    if moment is None and value.strip():
        report.changed(f"time that is none → no {key}", item.id)
        item.tell(key, value)
    return moment


def _body(item: Item, label: str, report: Report) -> str | None:
    """The description, a section each of the longer texts, and one of lines for what is left."""
    facts = "\n".join(f"- {name}: {said}" for name, said in item.facts)
    sections = [*item.sections, (f"From {label}", facts)]
    parts = [f"## {head}\n\n{part.strip()}" for head, part in sections if part.strip()]
    whole = "\n\n".join(filter(None, [item.description.strip(), *parts]))
    body = fitting.text(whole)
    if len(whole) > LONGEST_TEXT:
        report.changed("body that is too long → cut", item.id)
    return body or None
