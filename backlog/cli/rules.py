"""`pause`, `resume`, `paused`, `limit`, `unlimit`, `limits`: what an operator holds back."""

from typing import Final

from backlog import values
from backlog.cli.options import Options, flag, number, text, verb
from backlog.cli.reply import Reply, document, many, one
from backlog.errors import UsageError
from backlog.lifecycle import FLEET, MOST_COUNTED
from backlog.records import iso, row
from backlog.session import Session
from backlog.verbs import rules
from backlog.verbs.rules import Limit, Pause

# Not 0: `backlog paused || exit 1` holds a merge back also when the store cannot be asked.
IS_PAUSED: Final = 6

_SCOPE: Final = (
    text("--phase", values.line, "of this phase"),
    text("--owner", values.line, "of this worker"),
)
_LIMITED: Final = (
    *_SCOPE,
    text("--role", values.line, "of cards for this role"),
    flag("--in-review", "with --phase: by how many of its cards are in review"),
)


def _scope(options: Options) -> tuple[str, str]:
    """What --phase and --owner name; the fleet without either."""
    if options.phase is not None and options.owner is not None:
        raise UsageError("either --phase or --owner, not both")
    if options.phase is not None:
        return "phase", options.phase
    return ("owner", options.owner) if options.owner is not None else (FLEET, "")


def _limited(options: Options) -> tuple[str, str]:
    if options.in_review:
        if options.phase is None or (options.owner, options.role) != (None, None):
            raise UsageError("--in-review is about the cards of a phase: --phase, and no other")
        return "review", options.phase
    if options.role is None:
        return _scope(options)
    if (options.phase, options.owner) != (None, None):
        raise UsageError("one of --phase, --owner and --role")
    return "role", options.role


@verb(
    "pause",
    "no claims, of the fleet, a phase or a worker",
    *_SCOPE,
    text("--reason", values.line, "why", required=True),
    check=_scope,
)
def pause(session: Session, options: Options) -> Reply:
    made = rules.pause(session, *_scope(options), options.reason)
    return one(made, _pause_line(made), note=rules.of_nothing(session, made))


@verb("resume", "claims again", *_SCOPE, check=_scope)
def resume(session: Session, options: Options) -> Reply:
    ended = rules.resume(session, *_scope(options))
    return one(ended, "(not paused)" if ended is None else f"resumed: {ended}")


@verb("paused", "what is paused; exit status 6 if anything is", *_SCOPE)
def paused(session: Session, options: Options) -> Reply:
    found = rules.pauses(session, options.phase, options.owner)
    return many(found, _pause_line, "(not paused)", IS_PAUSED if found else 0)


@verb(
    "limit",
    "work in progress of the fleet, a phase, a worker or a role",
    *_LIMITED,
    number(
        "--max",
        0,
        "claims at once, or cards in review",
        high=MOST_COUNTED,
        required=True,
        dest="most",
    ),
    check=_limited,
)
def limit(session: Session, options: Options) -> Reply:
    made = rules.limit(session, *_limited(options), options.most)
    return one(made, _limit_line(made), note=rules.of_nothing(session, made))


@verb("unlimit", "no limit any more", *_LIMITED, check=_limited)
def unlimit(session: Session, options: Options) -> Reply:
    scope, name = _limited(options)
    name = rules.unlimit(session, scope, name)
    return document({"scope": scope, "name": name}, [f"no limit: {scope} {name}".rstrip()])


@verb("limits", "every limit, and how much of it is used")
def limits(session: Session, options: Options) -> Reply:
    return many(rules.limits(session), _limit_line, "(no limits)")


def _pause_line(each: Pause) -> str:
    return row(f"paused: {each}", each.actor, iso(each.since), each.reason)


def _limit_line(each: Limit) -> str:
    return row(f"limit: {each}", f"{each.used} of {each.most}", each.actor, iso(each.since))
