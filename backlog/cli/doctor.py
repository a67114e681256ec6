"""`doctor`: what never goes on by itself."""

from typing import TYPE_CHECKING, Any

from backlog.cli.options import Options, verb
from backlog.cli.reply import Reply, document
from backlog.records import one_line, wire_name
from backlog.session import Session

if TYPE_CHECKING:
    from backlog.verbs.doctor import Finding


@verb("doctor", "what never goes on by itself, and the way out")
def doctor(session: Session, options: Options) -> Reply:
    from backlog.verbs.doctor import doctor as findings_of

    found = findings_of(session)
    answer = {"ok": not found, "findings": [_finding(each) for each in found]}
    return document(answer, map(_line, found) if found else ["(healthy)"], 1 if found else 0)


def _finding(each: "Finding") -> dict[str, Any]:
    given = {name: getattr(each, name) for name in each.__slots__ if name != "message"}
    return {wire_name(name): value for name, value in given.items() if value is not None}


def _line(each: "Finding") -> str:
    subject = each.id or f"{each.scope} {each.name or ''}"
    return one_line(each.kind, subject, each.message, each.way_out)
