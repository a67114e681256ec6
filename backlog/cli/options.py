"""What a verb declares: its name, its help, its function, its options; and the shared ones."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog import values
from backlog.cli.caller import CALLER, STDIN
from backlog.cli.reply import Reply
from backlog.errors import UsageError

if TYPE_CHECKING:
    from backlog.session import Opener, Session
    from backlog.verbs.claims import Claiming
    from backlog.verbs.rights import Narrowed
    from backlog.worker.plan import Deeds

# The words of `add_argument`; with `env`, the variable that stands for the option.
Option = tuple[str, dict[str, Any]]


class Options(Namespace):
    """What the words say, each option by its name; and what `main` was given."""

    verb: str
    json: bool
    run: Callable[..., Reply]
    on_session: bool
    check: Callable[["Options"], object] | None
    connect: "Opener"
    claimed_by: "Claiming | None"
    deeds: "Deeds | None" = None  # what `work` does where there is no session to do it on
    deed: str  # the verb, with the group that it is of
    acting: str | None = None  # the option that says who acts
    # Where rights are enforced (`backlog.cli.rights`): whether these cards may be acted on, which
    # are known later; the cards that a claim may take.
    allow: Callable[[Iterable[str]], object] | None = None
    of_actor: "Narrowed" = ((), False)

    @property
    def claiming(self) -> "Claiming":
        """The verbs that claim cards; their module is needed by few others."""
        from backlog.verbs.claims import DIRECTLY

        return self.claimed_by or DIRECTLY


class Verb(NamedTuple):
    """`run` takes a session and the options, or the options alone.

    `check` refuses options that do not go together, before there is a session.
    """

    name: str
    help: str
    run: Callable[..., Reply]
    options: tuple[Option, ...]
    on_session: bool
    check: Callable[[Options], object] | None


class Group(NamedTuple):
    """A verb that has verbs of its own: `store start`; `alone`, what it does without one."""

    name: str
    help: str
    actions: tuple[Verb, ...]
    alone: Verb | None = None


def verb(
    name: str,
    help: str,
    *options: Option,
    on_session: bool = True,
    check: Callable[[Options], object] | None = None,
) -> Callable[[Callable[..., Reply]], Verb]:
    """Make a verb of a function: options in, a call of the domain, a `Reply` out.

    What `--ids` names is seen to by the function of the same name in `backlog.cli.batches`.
    """
    takes_many = any(option == "--ids" for option, _ in options)
    return lambda run: Verb(
        name, help, _of_one_or_many(run) if takes_many else run, options, on_session, check
    )


def _of_one_or_many(run: Callable[..., Reply]) -> Callable[..., Reply]:
    def run_either(session: "Session", options: Options) -> Reply:
        if options.ids is None:
            return run(session, options)
        from backlog.cli import batches  # what workers run all day is of one card

        of_many: Callable[..., Reply] = getattr(batches, run.__name__)
        return of_many(session, options)

    return run_either


def text(name: str, check: Callable[[str, str], Any], help: str, **more: Any) -> Option:
    """An option whose value this check of `values` reads."""

    def read(value: str) -> Any:
        return check(value, value.name if isinstance(value, Said) else name)

    return name, {"type": read, "help": help, **more}


class Said(str):
    """What the environment says in place of an option: a refusal names the variable."""

    name: str

    @classmethod
    def by(cls, name: str) -> "Said | None":
        """What this variable says; None if it is empty."""
        said = cls(CALLER.get().environ.get(name, ""))
        said.name = name
        return said or None


def attempt_of(card_id: str) -> int | None:
    """The attempt that the environment names, unless it is one at another card."""
    environ = CALLER.get().environ
    said = environ.get("BACKLOG_ATTEMPT")
    card = environ.get("BACKLOG_CARD_ID", "").strip()
    if not said or card not in ("", card_id.strip()):
        return None
    return values.integer(said, "BACKLOG_ATTEMPT", 1)


class Named(str):
    """The name of what is there, as it was typed: `main` looks whether its blanks are its own."""

    column = "id"

    def __new__(cls, value: str, what: str) -> "Named":
        return super().__new__(cls, values.line(value, what))


class NamedOwner(Named):
    column = "claim_owner"


def number(name: str, low: int, help: str, high: int = values.INT_MAX, **more: Any) -> Option:
    check = partial(values.integer, name=name, low=low, high=high)
    return name, {"type": check, "help": help, **more}


def word(name: str, check: Callable[[str, str], Any], help: str) -> Option:
    """What stands without a name of its own before it."""
    shown = name.upper()
    return name, {"metavar": shown, "type": lambda value: check(value, shown), "help": help}


def one_of(
    name: str,
    known: Iterable[str],
    help: str,
    check: Callable[[str], str] | None = None,
    **more: Any,
) -> Option:
    """An option that takes one of these words: shells complete them, `check` refuses the rest."""
    shown = name.removeprefix("--").upper()
    check = check or partial(values.one_of, name=name, known=known)
    return name, {"type": check, "choices": known, "metavar": shown, "help": help, **more}


def either(option: Option) -> Option:
    """One of the options of which a verb takes exactly one."""
    name, settings = option
    kept = {key: value for key, value in settings.items() if key != "required"}
    return name, {**kept, "either": True}


def flag(name: str, help: str) -> Option:
    return name, {"action": "store_true", "help": help}


ID: Final = text("--id", Named, "the card", required=True, dest="card_id")
# Of the claim that the environment describes, as `work` hands it to its command.
CLAIMED_ID: Final = (ID[0], {**ID[1], "env": "BACKLOG_CARD_ID"})


def ids(value: str) -> str | list[str]:
    """Ids at commas, trimmed; or `STDIN`, whose lines name them. Raises `UsageError`."""
    if value == STDIN:
        return value
    given = [each.strip() for each in values.line(value, "--ids").split(",")]
    if not any(given):
        raise UsageError("--ids must name cards: A,B, or - for JSON lines on standard input")
    return list(filter(None, given))


def or_ids(one: Option, how: str = "each by itself") -> tuple[Option, Option]:
    """The option that names a card, or instead of it the one that names many."""
    help = f"many, {how}: A,B, or - for JSON lines on standard input"
    return either(one), either(("--ids", {"type": ids, "metavar": "A,B", "help": help}))


OPTIONAL_ID: Final = text("--id", Named, "this card only", dest="card_id")
WORKER: Final = text("--owner", values.name, "the worker", required=True, env="BACKLOG_OWNER")
POOL: Final = (
    text("--phase", values.line, "of this phase"),
    text("--role", values.line, "for this role, and those for none"),
)
