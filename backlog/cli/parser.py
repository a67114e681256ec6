"""The command's grammar: the verbs, in the order in which the help lists them."""

import argparse
import os
from collections.abc import Sequence
from typing import Any, Final, NoReturn

from backlog.cli import (
    briefing,
    cards,
    check,
    claims,
    doctor,
    history,
    moves,
    pool,
    rules,
    runs,
    store,
    sweep,
    transfer,
    work,
)
from backlog.cli.options import Option, Options, Verb, attempt_of
from backlog.errors import UsageError

VERBS: Final[tuple[Verb, ...]] = (
    cards.create,
    cards.list_cards,
    claims.claim,
    moves.reclaim,
    cards.link,
    pool.stats,
    moves.block,
    moves.complete,
    moves.cancel,
    cards.show,
    history.history,
    history.tail,
    runs.runs,
    briefing.context,
    cards.edit,
    moves.unblock,
    moves.reopen,
    moves.release,
    moves.renew,
    cards.unlink,
    cards.delete,
    pool.explain,
    rules.pause,
    rules.resume,
    rules.paused,
    rules.limit,
    rules.unlimit,
    rules.limits,
    doctor.doctor,
    sweep.sweep,
    check.check,
    transfer.import_cards,
    transfer.export,
    work.work,
)


class Parser(argparse.ArgumentParser):
    """Option names are exact, and a mistake is a refusal like any other."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, **options)

    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message} (try {self.prog} --help)")


def parse(argv: Sequence[str], prog: str) -> Options:
    """The words, read: each option, and `run`, the verb's function. Raises `UsageError`."""
    parser = Parser(prog=prog, description="The backlog of record for a fleet of workers.")
    verbs = parser.add_subparsers(
        title="verbs", metavar="VERB", dest="verb", required=True, parser_class=Parser
    )
    for verb in VERBS:
        # To make the options takes time, and every command would wait: those of a verb that is
        # not among the words are not needed.
        _add(verbs, verb, with_options=verb.name in argv)
    summary = "the server behind the cards"
    actions = verbs.add_parser("store", help=summary, description=summary).add_subparsers(
        metavar="ACTION", required=True, parser_class=Parser
    )
    for action in store.ACTIONS:
        _add(actions, action, with_options=True)
    given, unknown = parser.parse_known_args(_join_values(list(argv)), Options())
    if unknown:
        raise UsageError(
            f"unrecognized arguments: {' '.join(unknown)} (try {prog} {given.verb} --help)"
        )
    if getattr(given, "ids", None) is not None:
        given.card_id = None  # the environment's
    elif "attempt" in given and given.attempt is None:
        given.attempt = attempt_of(given.card_id)
    return given


def _add(parsers: Any, verb: Verb, *, with_options: bool) -> None:
    parser = parsers.add_parser(verb.name, help=verb.help, description=verb.help)
    parser.set_defaults(run=verb.run, on_session=verb.on_session)
    if with_options:
        parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
        _add_options(parser, verb.options)


def _add_options(parser: Any, options: Sequence[Option]) -> None:
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
    said = os.environ.get(env) if env else None
    return {**settings, "default": said, "required": False} if said else settings


_TAKES_VALUE: Final = {
    name
    for verb in VERBS
    for name, settings in verb.options
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
