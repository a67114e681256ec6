"""The command's grammar: the verbs, in the order in which the help lists them."""

import argparse
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from typing import Any, Final, NoReturn

import backlog
from backlog.cli.options import Group, Option, Options, Said, Verb, attempt_of
from backlog.errors import UsageError

# Where each verb is declared, in this package. A module is imported when one of its verbs is used:
# every command would wait for all of them.
VERBS: Final = {
    "create": "cards.create",
    "list": "cards.list_cards",
    "claim": "claims.claim",
    "reclaim": "moves.reclaim",
    "link": "cards.link",
    "stats": "pool.stats",
    "block": "moves.block",
    "complete": "moves.complete",
    "cancel": "moves.cancel",
    "show": "cards.show",
    "search": "search.search",
    "history": "history.history",
    "comment": "history.comment",
    "tail": "history.tail",
    "runs": "runs.runs",
    "output": "output.output",
    "context": "briefing.context",
    "edit": "cards.edit",
    "unblock": "moves.unblock",
    "reopen": "moves.reopen",
    "release": "moves.release",
    "renew": "moves.renew",
    "unlink": "cards.unlink",
    "delete": "cards.delete",
    "explain": "pool.explain",
    "pause": "rules.pause",
    "resume": "rules.resume",
    "paused": "rules.paused",
    "limit": "rules.limit",
    "unlimit": "rules.unlimit",
    "limits": "rules.limits",
    "doctor": "doctor.doctor",
    "sweep": "sweep.sweep",
    "check": "check.check",
    "import": "transfer.import_cards",
    "export": "transfer.export",
    "work": "work.work",
    "store": "store.store",
}


class Parser(argparse.ArgumentParser):
    """Option names are exact, and a mistake is a refusal like any other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (try {self.prog} --help)")


def parse(argv: Sequence[str], prog: str) -> Options:
    """The words, read: each option, and `run`, the verb's function. Raises `UsageError`."""
    if argv and not argv[0].startswith("-") and argv[0] not in VERBS:
        raise UsageError(
            f'there is no verb "{argv[0]}"{_meant(argv[0], VERBS)} (try {prog} --help)'
        )
    # With a verb at the beginning no other is meant; without any it is help, or a mistake.
    verbs = [declared(name) for name in (argv[:1] if argv and argv[0] in VERBS else VERBS)]
    used = [verb for verb in verbs if verb.name in argv]
    words = _join_values(list(argv), _take_value(used))
    given, unknown = grammar(prog, verbs, listed=not used).parse_known_args(words, Options())
    if unknown:
        meant = _meant(unknown[0].partition("=")[0], _option_names(used))
        raise UsageError(
            f"unrecognized arguments: {' '.join(unknown)}{meant} (try {prog} {given.verb} --help)"
        )
    if getattr(given, "ids", None) is not None:
        given.card_id = None  # the environment's
    elif "attempt" in given and given.attempt is None:
        given.attempt = attempt_of(given.card_id)
    return given


def declared(name: str) -> Verb | Group:
    """A verb as its module declares it."""
    module, _, function = VERBS[name].partition(".")
    found: Verb | Group = getattr(import_module(f"backlog.cli.{module}"), function)
    return found


def grammar(prog: str, verbs: Iterable[Verb | Group], *, listed: bool = False) -> Parser:
    """What reads these verbs; `listed`: what names them in its help, and reads none."""
    parser = Parser(prog=prog, description=backlog.__doc__)
    version = f"fleet-backlog {backlog.__version__}"
    parser.add_argument("--version", action="version", version=version, help="which this is")

    def stand_in(**_: Any) -> Parser:  # to make one for each takes longer than all the rest
        return parser

    kind: Any = stand_in if listed else Parser
    # The name of the program would be taken from a usage line, which takes time to make.
    parsers = parser.add_subparsers(
        title="verbs", metavar="VERB", dest="verb", required=True, parser_class=kind, prog=prog
    )
    for verb in verbs:
        made = parsers.add_parser(verb.name, help=verb.help, description=verb.help)
        if not listed:
            _fill(made, verb)
    return parser


def _fill(parser: Parser, verb: Verb | Group) -> None:
    if isinstance(verb, Group):
        actions = parser.add_subparsers(metavar="ACTION", required=True, parser_class=Parser)
        for action in verb.actions:
            _fill(
                actions.add_parser(action.name, help=action.help, description=action.help), action
            )
        return
    parser.set_defaults(run=verb.run, on_session=verb.on_session, check=verb.check)
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    _add_options(parser, verb.options)


def _add_options(parser: Parser, options: Sequence[Option]) -> None:
    either = None
    for name, settings in options:
        words = _with_environment(**settings)
        if not words.pop("either", False):
            parser.add_argument(name, **words)
            continue
        if either is None:
            either = parser.add_mutually_exclusive_group(required=True)
        either.add_argument(name, **words)
        either.required &= "default" not in words


def _with_environment(env: str = "", **settings: Any) -> dict[str, Any]:
    """What the environment says is the default; a variable that is empty says nothing."""
    said = Said.by(env) if env else None
    return {**settings, "default": said, "required": False} if said else settings


def _meant(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # what is right needs none

    near = get_close_matches(word, known, 1, 0.7)  # the dashes alone make 0.6
    return f"; did you mean {near[0]}?" if near else ""


def _option_names(verbs: Iterable[Verb | Group]) -> Iterator[str]:
    yield "--json"
    for verb in verbs:
        for each in verb.actions if isinstance(verb, Group) else [verb]:
            yield from (name for name, _ in each.options if name.startswith("-"))


def _take_value(verbs: Iterable[Verb | Group]) -> set[str]:
    return {
        name
        for verb in verbs
        if isinstance(verb, Verb)
        for name, settings in verb.options
        if name.startswith("-") and "action" not in settings
    }


def _join_values(argv: list[str], take_value: set[str]) -> list[str]:
    """Join `--name -value` to `--name=-value`: argparse takes it for an option otherwise.

    A value that begins with two dashes is left: more likely a variable before it was empty.
    """
    joined: list[str] = []
    end = argv.index("--") if "--" in argv else len(argv)
    for word in argv[:end]:
        dashed = word.startswith("-") and not word.startswith("--")
        if dashed and joined and joined[-1] in take_value:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined + argv[end:]
