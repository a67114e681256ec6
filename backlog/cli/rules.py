"""Pauses and limits at the command line: what an operator holds back, and how to see it."""

from argparse import Namespace
from typing import Any, Final

from backlog.cli.reply import Reply, document
from backlog.errors import UsageError
from backlog.lifecycle import FLEET
from backlog.records import iso
from backlog.session import Session
from backlog.verbs import rules
from backlog.verbs.rules import Limit, Pause

# Not 0: `backlog paused || exit 1` holds a merge back also when the store cannot be asked.
IS_PAUSED: Final = 6


def _scope(options: Namespace) -> tuple[str, str]:
    """What --phase and --owner name; the fleet without either."""
    if options.phase is not None and options.owner is not None:
        raise UsageError("either --phase or --owner, not both")
    if options.phase is not None:
        return "phase", options.phase
    return ("owner", options.owner) if options.owner is not None else (FLEET, "")


def pause(session: Session, options: Namespace) -> Reply:
    made = rules.pause(session, *_scope(options), options.reason)
    return Reply(document(_pause(made)), [_pause_line(made)])


def resume(session: Session, options: Namespace) -> Reply:
    ended = rules.resume(session, *_scope(options))
    if ended is None:
        return Reply(document(None), ["(not paused)"])
    return Reply(document(_pause(ended)), [f"resumed: {ended}"])


def paused(session: Session, options: Namespace) -> Reply:
    found = rules.pauses(session, options.phase, options.owner)
    text = [_pause_line(each) for each in found] or ["(not paused)"]
    return Reply(document([_pause(each) for each in found]), text, IS_PAUSED if found else 0)


def limit(session: Session, options: Namespace) -> Reply:
    made = rules.limit(session, *_named(options), options.most)
    return Reply(document(_limit(made)), [_limit_line(made)])


def unlimit(session: Session, options: Namespace) -> Reply:
    scope, name = _named(options)
    rules.unlimit(session, scope, name)
    return Reply(document({"scope": scope, "name": name}), [f"no limit: {scope} {name}"])


def limits(session: Session, options: Namespace) -> Reply:
    found = rules.limits(session)
    text = [_limit_line(each) for each in found] or ["(no limits)"]
    return Reply(document([_limit(each) for each in found]), text)


def _named(options: Namespace) -> tuple[str, str]:
    scope, name = _scope(options)
    if scope == FLEET:
        raise UsageError("a limit is of a --phase or an --owner")
    return scope, name


def _pause(each: Pause) -> dict[str, Any]:
    return {**each._asdict(), "since": iso(each.since)}


def _pause_line(each: Pause) -> str:
    return _line(f"paused: {each}", each.actor, iso(each.since), each.reason)


def _limit(each: Limit) -> dict[str, Any]:
    return {
        "scope": each.scope,
        "name": each.name,
        "max": each.most,
        "used": each.used,
        "actor": each.actor,
        "since": iso(each.since),
    }


def _limit_line(each: Limit) -> str:
    return _line(f"limit: {each}", f"{each.used} of {each.most}", each.actor, iso(each.since))


def _line(*fields: str) -> str:
    return "\t".join(" ".join(field.split()) for field in fields)
