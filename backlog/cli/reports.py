"""The verbs that tell how it stands: doctor, context."""

from argparse import Namespace
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from backlog.cli.reply import Reply, document
from backlog.session import Session
from backlog.values import json_text

if TYPE_CHECKING:
    from backlog.verbs.doctor import Finding


def doctor(session: Session, options: Namespace) -> Reply:
    from backlog.verbs.doctor import doctor as findings_of

    found = findings_of(session)
    return Reply(
        _findings(found), map(_finding_line, found) if found else ["(healthy)"], 1 if found else 0
    )


def _findings(found: "list[Finding]") -> Iterator[str]:
    yield f'{{"ok":{"false" if found else "true"},"findings":['
    for place, each in enumerate(found):
        yield ("," if place else "") + json_text(_finding(each))
    yield "]}\n"


def _finding(each: "Finding") -> dict[str, Any]:
    values = {name: getattr(each, name) for name in each.__slots__ if name != "message"}
    return {_key(name): value for name, value in values.items() if value is not None}


def _finding_line(each: "Finding") -> str:
    subject = each.id or f"{each.scope} {each.name or ''}"
    return _line(each.kind, subject, each.message, each.way_out)


def context(session: Session, options: Namespace) -> Reply:
    from backlog.verbs.briefing import context as markdown_of

    markdown = markdown_of(session, options.card_id, options.max_bytes)
    answer = {"id": options.card_id, "markdown": markdown}
    return Reply(document(answer), [markdown.removesuffix("\n")])


def _key(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.title() for part in rest)


def _line(*fields: str) -> str:
    return "\t".join(" ".join(field.split()) for field in fields)
