"""The command's grammar: the verbs, in the order in which the help lists them."""

import argparse
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import lru_cache, partial
from importlib import import_module
from itertools import takewhile
from typing import Any, Final, NoReturn

import backlog
from backlog import values
from backlog.cli.options import Group, Option, Options, Said, Verb, attempt_of
from backlog.errors import UsageError

# Where each verb is declared. A module is imported when one of its verbs is used: every command
# would wait for all of them.
VERBS: Final = {
    "create": "backlog.cli.cards.create",
    "list": "backlog.cli.cards.list_cards",
    "claim": "backlog.cli.claims.claim",
    "reclaim": "backlog.cli.moves.reclaim",
    "link": "backlog.cli.cards.link",
    "stats": "backlog.cli.pool.stats",
    "block": "backlog.cli.moves.block",
    "complete": "backlog.cli.moves.complete",
    "cancel": "backlog.cli.moves.cancel",
    "show": "backlog.cli.cards.show",
    "search": "backlog.cli.search.search",
    "history": "backlog.cli.history.history",
    "comment": "backlog.cli.history.comment",
    "tail": "backlog.cli.history.tail",
    "runs": "backlog.cli.runs.runs",
    "output": "backlog.cli.output.output",
    "context": "backlog.cli.briefing.context",
    "edit": "backlog.cli.cards.edit",
    "unblock": "backlog.cli.moves.unblock",
    "reopen": "backlog.cli.moves.reopen",
    "release": "backlog.cli.moves.release",
    "renew": "backlog.cli.moves.renew",
    "unlink": "backlog.cli.cards.unlink",
    "delete": "backlog.cli.cards.delete",
    "drop": "backlog.cli.drop.drop",
    "archive": "backlog.cli.archive.archive",
    "explain": "backlog.cli.pool.explain",
    "pause": "backlog.cli.rules.pause",
    "resume": "backlog.cli.rules.resume",
    "paused": "backlog.cli.rules.paused",
    "limit": "backlog.cli.rules.limit",
    "unlimit": "backlog.cli.rules.unlimit",
    "limits": "backlog.cli.rules.limits",
    "budget": "backlog.cli.budgets.budget",
    "unbudget": "backlog.cli.budgets.unbudget",
    "budgets": "backlog.cli.budgets.budgets",
    "doctor": "backlog.cli.doctor.doctor",
    "sweep": "backlog.cli.sweep.sweep",
    "check": "backlog.cli.check.check",
    "import": "backlog.cli.transfer.import_cards",
    "export": "backlog.cli.transfer.export",
    "work": "backlog.cli.work.work",
    "store": "backlog.cli.store.store",
}


_REQUIRED: Final = "the following arguments are required: "


class Missing(UsageError):
    """What a command needs is not there."""


class Parser(argparse.ArgumentParser):
    """Option names are exact, and a mistake is a refusal like any other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        kind = Missing if message.startswith(_REQUIRED) else UsageError
        raise kind(f"{message} (try {self.prog} --help)")


def declared(place: str) -> Verb | Group:
    """A verb as its module declares it."""
    module, _, function = place.rpartition(".")
    found: Verb | Group = getattr(import_module(module), function)
    return found


def parse(
    argv: Sequence[str],
    prog: str,
    known: Mapping[str, str] = VERBS,
    declare: Callable[[str], Verb | Group] = declared,
) -> Options:
    """The words, read: each option, and `run`, the verb's function. Raises `UsageError`.

    `known`: the verbs there are, and where each is declared, as in `VERBS`; `declare` makes a verb
    of that.
    """
    if argv and not argv[0].startswith("-") and argv[0] not in known:
        raise UsageError(
            f'there is no verb "{argv[0]}"{_meant(argv[0], known)} (try {prog} --help)'
        )
    rest, named = argv, dict[str, str]()
    if argv and argv[0] in known:  # no other is meant
        used = [declare(known[argv[0]])]
        _refuse_alone(argv, used[0], prog)
        parser = _grammar_of(prog, known[argv[0]], declare, _said(used[0]))
        rest, named = argv[1:], {"verb": argv[0]}
    else:  # help, or a mistake
        verbs = [declare(place) for place in known.values()]
        used = [verb for verb in verbs if verb.name in argv]
        parser = grammar(prog, verbs, listed=not used)
    words = _join_values(list(rest), _take_value(used))
    try:
        # Not into `Options`: what the class says would stand before what the verb says of itself.
        read, unknown = parser.parse_known_args(words)
    except Missing:
        _refuse_unknown(_misspelt(words, used), used, " ".join([prog, *named.values()]))
        raise
    given = Options(**named, **vars(read))
    _refuse_unknown(unknown, used, f"{prog} {given.verb}")
    if getattr(given, "ids", None) is not None:
        given.card_id = None  # the environment's
    elif "attempt" in given and given.attempt is None:
        given.attempt = attempt_of(given.card_id)
    return given


@lru_cache(maxsize=256)
def _grammar_of(
    prog: str, place: str, declare: Callable[[str], Verb | Group], said: tuple[str, ...]
) -> Parser:
    """What reads the words after those of the verb that is declared there; made once in a process
    that reads many, which is most of what reading takes. `said`: see `_said`.
    """
    verb = declare(place)
    parser = Parser(prog=f"{prog} {verb.name}", description=verb.help)
    _fill(parser, verb)
    return parser


def _said(verb: Verb | Group) -> tuple[str, ...]:
    """The variables of its options that say something here: their options need not be given."""
    return tuple(
        settings["env"]
        for each in _verbs_of(verb)
        for _, settings in each.options
        if "env" in settings and Said.by(settings["env"])
    )


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


def _fill(parser: Parser, verb: Verb | Group, group: str = "", json: str | bool = False) -> None:
    """`group`: the words before the verb's name; `json`: what it is without `--json`."""
    if isinstance(verb, Group):
        alone = verb.alone
        actions = parser.add_subparsers(
            metavar="ACTION", required=alone is None, parser_class=Parser
        )
        for action in verb.actions:
            made = actions.add_parser(action.name, help=action.help, description=action.help)
            # What stands before the action holds for it, too.
            _fill(made, action, f"{verb.name} ", False if alone is None else argparse.SUPPRESS)
        if alone is None:
            return
        verb = alone
    parser.set_defaults(run=verb.run, on_session=verb.on_session, check=verb.check)
    acting = [name for name, settings in verb.options if settings.get("env") == "BACKLOG_OWNER"]
    parser.set_defaults(deed=group + verb.name, acting=acting[0].lstrip("-") if acting else None)
    help = "one line of JSON on stdout"
    parser.add_argument("--json", action="store_true", default=json, help=help)
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
    """What the environment says is the default; a variable that is empty says nothing.

    It is asked again whenever the default is read: others will be read by the same grammar.
    """
    said = Said.by(env) if env else None
    if said is None:
        return settings
    check: Callable[[str], Any] = settings.get("type", str)

    def read(value: str) -> Any:
        return check(Said.by(env) or value if value is said else value)

    return {**settings, "type": read, "default": said, "required": False}


def _refuse_unknown(unknown: Sequence[str], used: Sequence[Verb | Group], helps: str) -> None:
    if unknown:
        meant = _meant(unknown[0].partition("=")[0], _option_names(used))
        raise UsageError(f"unrecognized arguments: {' '.join(unknown)}{meant} (try {helps} --help)")


def _misspelt(words: Sequence[str], used: Sequence[Verb | Group]) -> list[str]:
    """Words that are nearly an option of these verbs: it may be the one that is missing."""
    known = set(_option_names(used))
    named = (word for word in takewhile(lambda word: word != "--", words) if word[:2] == "--")
    names = ((word, word.partition("=")[0]) for word in named)
    return [word for word, name in names if name not in known and _meant(name, known)]


def _meant(word: str, known: Iterable[str]) -> str:
    from difflib import get_close_matches  # what is right needs none

    near = get_close_matches(word, known, 1, 0.7)  # the dashes alone make 0.6
    return f"; did you mean {near[0]}?" if near else ""


def _refuse_alone(argv: Sequence[str], verb: Verb | Group, prog: str) -> None:
    """A word without an option is most likely what the verb is about. Raises `UsageError`."""
    said, rest = argv[:1], argv[1:]
    if isinstance(verb, Group):
        named = [each for each in verb.actions if each.name in rest[:1]]
        if not named:
            return
        verb, said, rest = named[0], argv[:2], argv[2:]
    word = rest[0] if rest else ""
    option = _is_about(verb, word)
    if option and not word.startswith("-") and len(word.split()) == 1:
        helps = " ".join([prog, *said])
        raise UsageError(
            f'"{word}" stands alone; did you mean {option} {word}? (try {helps} --help)'
        )


def _is_about(verb: Verb, word: str) -> str | None:
    """The option that names what the verb is about: the card; or else, if the word is a number, the
    only option that it needs, if that is one, too."""
    names = dict(verb.options)
    if "--id" in names:
        return None if names.get("--owner", {}).get("required") else "--id"
    needed = [name for name, settings in verb.options if settings.get("required")]
    if len(needed) != 1 or not word.isdecimal() or not all(name.startswith("-") for name in names):
        return None
    read = names[needed[0]].get("type")
    is_number = isinstance(read, partial) and read.func is values.integer
    return needed[0] if is_number else None


def _option_names(verbs: Iterable[Verb | Group]) -> Iterator[str]:
    yield "--json"
    for verb in verbs:
        for each in _verbs_of(verb):
            yield from (name for name, _ in each.options if name.startswith("-"))


def _verbs_of(verb: Verb | Group) -> Sequence[Verb]:
    """It, or those that it has."""
    if isinstance(verb, Verb):
        return [verb]
    return verb.actions if verb.alone is None else (*verb.actions, verb.alone)


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
