"""`doctor`: what never goes on by itself."""

from collections.abc import Iterator
from datetime import datetime
from itertools import chain
from typing import TYPE_CHECKING, Any, Final

from backlog.cli.options import Options, flag, verb
from backlog.cli.reply import Reply, document, few, joined, kept
from backlog.records import iso, one_line, row, wire_name
from backlog.session import Session
from backlog.shown import MOST_OF_A_TEXT, visible
from backlog.values import json_text

if TYPE_CHECKING:
    from backlog.verbs.findings import Finding

# Longer than what it takes to quote two names.
_LONGEST_COMMAND: Final = 8 * MOST_OF_A_TEXT


@verb(
    "doctor",
    "what never goes on by itself, and the way out",
    flag("--all", "every finding, looked for now; takes long with many cards"),
)
def doctor(session: Session, options: Options) -> Reply:
    from backlog.verbs import beside
    from backlog.verbs.doctor import doctor as diagnosis_of
    from backlog.verbs.doctor import everything

    if options.all:
        findings = chain(everything(session), beside.found(session))
        return _streamed(findings, as_json=options.json)
    found = beside.with_found(session, diagnosis_of(session))
    answer = {"ok": found.ok, "findings": [_finding(each) for each in found.findings]}
    text = list(few(map(_line, found.findings)))
    if found.is_large:
        answer |= {"more": found.more, "lookedAt": found.at and iso(found.at)}
        text += [f"… and {left:,} more {kind}: --all has them" for kind, left in found.more.items()]
    reply = document(answer, text or ["(healthy)"] if found.ok else text, 0 if found.ok else 1)
    return reply._replace(note=_age(found.at)) if found.is_large else reply


def _age(at: datetime | None) -> str:
    if at is None:
        return (
            "not looked at: cycles, what waits in vain, what is derived wrongly; `backlog sweep`"
            " looks and keeps it for an hour, `backlog doctor --all` looks now"
        )
    return f"what waits in vain or is derived wrongly is as of {iso(at)}; --all looks now"


def _streamed(found: Iterator["Finding"], *, as_json: bool) -> Reply:
    lines = kept(json_text(_finding(each)) if as_json else _line(each) for each in found)
    first = next(lines, None)
    if first is None:
        return document({"ok": True, "findings": []}, ["(healthy)"])
    lines = chain([first], lines)
    return Reply(chain(['{"ok":false,"findings":'], joined(lines, "}")), lines, 1)


def _finding(each: "Finding") -> dict[str, Any]:
    given = {name: getattr(each, name) for name in each._fields if name != "message"}
    return {wire_name(name): value for name, value in given.items() if value is not None}


def _line(each: "Finding") -> str:
    subject = each.id or f"{each.scope} {each.name or ''}"
    return f"{row(each.kind, subject, each.message)}\t{_pasted(each.way_out)}"


def _pasted(command: str) -> str:
    """The command, if it is the same when it is read here and pasted."""
    shown = visible(one_line(command))
    is_same = shown == command and len(command) <= _LONGEST_COMMAND
    return command if is_same else "(see --json: its names are no plain line)"
