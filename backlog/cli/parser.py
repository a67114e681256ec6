"""The command's grammar: which verbs there are, and which options each takes."""

import argparse
import os
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final, NoReturn

from backlog import values
from backlog.cli import commands, events, reports, rules, store, sweep, work
from backlog.errors import UsageError
from backlog.lifecycle import (
    BLOCK_REASONS,
    DEFAULT_BLOCK_REASON,
    DEFAULT_CONTEXT_BYTES,
    DEFAULT_TTL_SECONDS,
    LEAST_CONTEXT_BYTES,
)
from backlog.verbs.claims import MOST_AT_ONCE


class Parser(argparse.ArgumentParser):
    """Option names are exact, and a mistake is a refusal like any other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (try {self.prog} --help)")


Option = tuple[str, dict[str, Any]]


def _text(name: str, check: Callable[[str, str], Any], help: str, **more: Any) -> Option:
    return name, {"type": lambda value: check(value, name), "help": help, **more}


def _number(name: str, low: int, help: str, high: int = values.INT_MAX, **more: Any) -> Option:
    check = partial(values.integer, name=name, low=low, high=high)
    return name, {"type": check, "help": help, **more}


def _flag(name: str, help: str) -> Option:
    return name, {"action": "store_true", "help": help}


_ID: Final = _text("--id", values.name, "the card", required=True, dest="card_id")
# Of the claim that the environment describes, as `work` hands it to its command.
_CLAIMED_ID: Final = _text(
    "--id", values.name, "the card", required=True, dest="card_id", env="BACKLOG_CARD_ID"
)
_OPTIONAL_ID: Final = _text("--id", values.name, "this card only", dest="card_id")
_WORKER: Final = _text("--owner", values.name, "the worker", required=True, env="BACKLOG_OWNER")
_OWNER: Final = _text(
    "--owner", values.name, "only if this worker holds the claim", env="BACKLOG_OWNER"
)
_ATTEMPT: Final = _number("--attempt", 1, "only if the claim is this attempt")
_LEASE: Final = _number("--ttl", 1, "seconds the lease lasts (900)")
_POOL: Final = (
    _text("--phase", values.line, "of this phase"),
    _text("--role", values.line, "for this role"),
)
_REPORT: Final = (
    _text("--summary", values.text, "what came of the attempt"),
    ("--result", {"type": lambda value: values.document(value, "--result"), "help": "JSON"}),
    _number("--tokens", 0, "how many it took", high=values.BIGINT_MAX),
    _text("--cost", values.text, "what it cost, such as 0.25"),
)
_SCOPE: Final = (
    _text("--phase", values.line, "of this phase"),
    _text("--owner", values.line, "of this worker"),
)
# A field that is not given is no attribute of the options: `edit` leaves it alone.
_FIELDS: Final = tuple(
    (name, {**settings, "default": argparse.SUPPRESS})
    for name, settings in (
        _text("--body", values.text, "description"),
        _text("--phase", values.optional, "lane or milestone"),
        _number("--priority", values.INT_MIN, "higher is sooner"),
        (
            "--depends-on",
            {"type": commands.split_ids, "metavar": "A,B", "help": "ids it waits for"},
        ),
        (
            "--acceptance",
            {"type": commands.read_acceptance, "help": "JSON, or criteria split by ;"},
        ),
        _text("--role", values.optional, "who can work on it"),
        (
            "--max-attempts",
            {
                "type": commands.read_max_attempts,
                "help": "claims before it is blocked (BACKLOG_MAX_ATTEMPTS, or 10; 0: no cap)",
            },
        ),
        (
            "--not-before",
            {"type": commands.read_not_before, "help": "when it may be claimed, in ISO 8601"},
        ),
    )
)
# Blank, it is an unset variable that must not turn deduplication off unseen; `edit` clears by it.
_KEY: Final = _text(
    "--idempotency-key", values.line, "a repeated key creates nothing", default=argparse.SUPPRESS
)
_EDITED_KEY: Final = _text(
    "--idempotency-key", values.optional, "another key; none if blank", default=argparse.SUPPRESS
)
_PAIR: Final = (
    _text("--from", values.name, "the card that waits", required=True, dest="card_id"),
    _text("--to", values.name, "the card it waits for", required=True, dest="dependency_id"),
)

Verb = tuple[str, str, Callable[..., Any], tuple[Option, ...]]

VERBS: Final[tuple[Verb, ...]] = (
    (
        "create",
        "add a card",
        commands.create,
        (_ID, _text("--title", values.line, "what it is", required=True), *_FIELDS, _KEY),
    ),
    (
        "list",
        "cards in the order of claims",
        commands.list_cards,
        (
            ("--status", {"type": values.status, "help": "ready, claimed, blocked or done"}),
            _text("--phase", values.line, "of this phase"),
            _flag("--ready-only", "claimable ones"),
        ),
    ),
    (
        "claim",
        "take the next claimable card, or null",
        commands.claim,
        (
            _WORKER,
            (_LEASE[0], {**_LEASE[1], "default": DEFAULT_TTL_SECONDS}),
            _OPTIONAL_ID,
            *_POOL,
            _number("--count", 1, "up to so many, as an array", high=MOST_AT_ONCE),
            _number("--wait", 0, "seconds to wait for something to claim"),
            _flag("--exit-code", "exit with 3 when there is nothing to claim, 6 paused, 7 limit"),
        ),
    ),
    ("reclaim", "return expired claims, or one claim, to ready", commands.reclaim, (_OPTIONAL_ID,)),
    ("link", "--from now depends on --to", commands.link, _PAIR),
    ("stats", "counts, oldest ready age, expired claims", commands.stats, ()),
    (
        "block",
        "take a card out of the pool",
        commands.block,
        (
            _CLAIMED_ID,
            _OWNER,
            _ATTEMPT,
            (
                "--reason",
                {
                    "type": values.block_reason,
                    "default": DEFAULT_BLOCK_REASON,
                    "help": f"{', '.join(BLOCK_REASONS)} (%(default)s)",
                },
            ),
            _text("--note", values.optional, "what would let it go on"),
            *_REPORT,
        ),
    ),
    (
        "complete",
        "a card is done",
        commands.complete,
        (
            _CLAIMED_ID,
            _OWNER,
            _ATTEMPT,
            *_REPORT,
            _flag("--claim-next", "and the owner claims the next one, in one transaction"),
            _LEASE,
            *_POOL,
        ),
    ),
    (
        "cancel",
        "take a card from its worker and out of the pool",
        commands.cancel,
        (_ID, _text("--reason", values.line, "why")),
    ),
    ("show", "one card, everything on it", commands.show, (_CLAIMED_ID,)),
    (
        "history",
        "what happened to a card, oldest first",
        events.history,
        (_CLAIMED_ID, _number("--limit", 1, "the newest so many events")),
    ),
    (
        "tail",
        "what happened last, to any card, oldest first",
        events.tail,
        (
            _number("--limit", 0, "the newest so many events (%(default)s)", default=20),
            _flag("--follow", "and what happens from now on"),
        ),
    ),
    (
        "runs",
        "the attempts at a card, oldest first",
        events.runs,
        (_CLAIMED_ID, _number("--limit", 1, "the newest so many runs")),
    ),
    (
        "context",
        "a card and what came before, in Markdown, for a language model",
        reports.context,
        (
            _CLAIMED_ID,
            _number(
                "--max-bytes",
                LEAST_CONTEXT_BYTES,
                "cut to this size (%(default)s)",
                default=DEFAULT_CONTEXT_BYTES,
            ),
        ),
    ),
    (
        "edit",
        "change fields of a card",
        commands.edit,
        (
            _ID,
            _text("--title", values.line, "what it is", default=argparse.SUPPRESS),
            *_FIELDS,
            _EDITED_KEY,
        ),
    ),
    ("unblock", "a blocked card is ready again", commands.unblock, (_ID,)),
    ("reopen", "a done card is ready again", commands.reopen, (_ID,)),
    (
        "release",
        "give a claimed card back",
        commands.release,
        (
            _CLAIMED_ID,
            _OWNER,
            _ATTEMPT,
            *_REPORT,
            _number("--delay", 0, "seconds before it may be claimed again"),
            _flag("--failed", "the attempt failed"),
            _flag("--uncounted", "the attempt does not count towards the cap"),
        ),
    ),
    (
        "renew",
        "extend a lease from now",
        commands.renew,
        (_CLAIMED_ID, _OWNER, _ATTEMPT, _number("--ttl", 1, "seconds from now (as before)")),
    ),
    ("unlink", "--from no longer depends on --to", commands.unlink, _PAIR),
    (
        "delete",
        "remove a card",
        commands.delete,
        (_ID, _flag("--force", "also when unfinished cards wait for it")),
    ),
    ("explain", "claimable, or exactly what it waits for", commands.explain, (_CLAIMED_ID,)),
    (
        "pause",
        "no claims, of the fleet, a phase or a worker",
        rules.pause,
        (*_SCOPE, _text("--reason", values.line, "why", required=True)),
    ),
    ("resume", "claims again", rules.resume, _SCOPE),
    ("paused", "what is paused; exit status 6 if anything is", rules.paused, _SCOPE),
    (
        "limit",
        "work in progress of a phase or a worker",
        rules.limit,
        (*_SCOPE, _number("--max", 0, "claims at once", required=True, dest="most")),
    ),
    ("unlimit", "no limit any more", rules.unlimit, _SCOPE),
    ("limits", "every limit, and how much of it is used", rules.limits, ()),
    ("doctor", "what never goes on by itself, and the way out", reports.doctor, ()),
    (
        "sweep",
        "reclaim what is expired, wake what is due, prune what is old",
        sweep.sweep,
        (_number("--every", 1, "for ever, with so many seconds between"),),
    ),
    ("check", "recount what is derived and report drift", commands.check_all, ()),
    (
        "import",
        "cards from JSON lines, all or nothing",
        commands.import_cards,
        (
            ("file", {"metavar": "FILE", "help": "a file, or - for standard input"}),
            _flag("--update", "change cards that exist"),
            _flag("--dry-run", "check everything, write nothing"),
        ),
    ),
    (
        "export",
        "every card as a JSON line",
        events.export,
        (_flag("--events", "every event instead"), _flag("--runs", "every ended run instead")),
    ),
    (
        "work",
        "claim cards and run a command for each: work --owner W -- COMMAND",
        work.work,
        (
            _WORKER,
            *_POOL,
            _number("--ttl", 1, "seconds a lease lasts (900)", default=DEFAULT_TTL_SECONDS),
            _number("--concurrency", 1, "cards at a time (1)", default=1),
            _flag("--once", "one card; exit as claim --exit-code, or with 1 if it failed"),
            _flag("--drain", "until nothing is claimable"),
            _number("--grace", 0, "seconds commands have to end after SIGTERM (30)", default=30),
            _number("--backoff", 0, "seconds after a failure, then twice that, … (10)", default=10),
            ("command", {"nargs": argparse.REMAINDER, "metavar": "-- COMMAND", "help": "to run"}),
        ),
    ),
)


def parse(argv: Sequence[str], prog: str) -> argparse.Namespace:
    """The arguments, with `run`, the function of the verb. Raises `UsageError`."""
    parser = Parser(prog=prog, description="The backlog of record for a fleet of workers.")
    verbs = parser.add_subparsers(
        title="verbs", metavar="VERB", dest="verb", required=True, parser_class=Parser
    )
    for name, help, run, options in VERBS:
        verb = verbs.add_parser(name, help=help, description=help)
        _add(verb, options)
        verb.set_defaults(run=run)
    store.add_parser(verbs)
    given = parser.parse_args(_join_values(list(argv)))
    if "attempt" in given and given.attempt is None:
        given.attempt = _attempt_of(given.card_id)
    return given


def _attempt_of(card_id: str) -> int | None:
    """The attempt that the environment names, unless it is one at another card."""
    said = os.environ.get("BACKLOG_ATTEMPT")
    if not said or os.environ.get("BACKLOG_CARD_ID") not in (None, "", card_id):
        return None
    return values.integer(said, "BACKLOG_ATTEMPT", 1)


def _add(parser: argparse.ArgumentParser, options: Sequence[Option]) -> None:
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    for name, settings in options:
        parser.add_argument(name, **_with_environment(**settings))


def _with_environment(env: str = "", **settings: Any) -> dict[str, Any]:
    """What the environment says is the default; a variable that is empty says nothing."""
    said = os.environ.get(env) if env else None
    return {**settings, "default": said, "required": False} if said else settings


_TAKES_VALUE: Final = {
    name
    for _, _, _, options in VERBS
    for name, settings in options
    if name.startswith("-") and "action" not in settings
}


def _join_values(argv: list[str]) -> list[str]:
    """Join `--name -value` to `--name=-value`: argparse takes it for an option otherwise.

    A value that begins with two dashes is left: more likely a variable before it was empty.
    """
    joined: list[str] = []
    end = argv.index("--") if "--" in argv else len(argv)
    for word in argv[:end]:
        dashed = word.startswith("-") and not word.startswith("--")
        if dashed and joined and joined[-1] in _TAKES_VALUE:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined + argv[end:]
