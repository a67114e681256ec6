"""`doctor`: what never goes on by itself."""

from typing import TYPE_CHECKING, Any, Final

from backlog.cli.options import Options, verb
from backlog.cli.reply import Reply, document, report
from backlog.records import one_line, row, wire_name
from backlog.session import Session
from backlog.shown import MOST_OF_A_TEXT, visible

if TYPE_CHECKING:
    from backlog.verbs.doctor import Finding

# Longer than what it takes to quote two names.
_LONGEST_COMMAND: Final = 8 * MOST_OF_A_TEXT


@verb("doctor", "what never goes on by itself, and the way out")
def doctor(session: Session, options: Options) -> Reply:
    from backlog.verbs.doctor import doctor as findings_of

    found = findings_of(session)
    answer = {"ok": not found, "findings": [_finding(each) for each in found]}
    return document(answer, report(found, _line) if found else ["(healthy)"], 1 if found else 0)


def _finding(each: "Finding") -> dict[str, Any]:
    given = {name: getattr(each, name) for name in each.__slots__ if name != "message"}
    return {wire_name(name): value for name, value in given.items() if value is not None}


def _line(each: "Finding") -> str:
    subject = each.id or f"{each.scope} {each.name or ''}"
    return f"{row(each.kind, subject, each.message)}\t{_pasted(each.way_out)}"


def _pasted(command: str) -> str:
    """The command, if it is the same when it is read here and pasted."""
    shown = visible(one_line(command))
    is_same = shown == command and len(command) <= _LONGEST_COMMAND
    return command if is_same else "(see --json: its names are no plain line)"
