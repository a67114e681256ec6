"""What a verb declares: its name, its help, its function, its options; and the shared ones."""

from argparse import Namespace
from collections.abc import Callable, Iterable
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog import values
from backlog.cli.reply import Reply

if TYPE_CHECKING:
    from backlog.session import Opener
    from backlog.verbs.claims import Claiming

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
    """A verb that has verbs of its own: `store start`."""

    name: str
    help: str
    actions: tuple[Verb, ...]


def verb(
    name: str,
    help: str,
    *options: Option,
    on_session: bool = True,
    check: Callable[[Options], object] | None = None,
) -> Callable[[Callable[..., Reply]], Verb]:
    """Make a verb of a function: options in, a call of the domain, a `Reply` out."""
    return lambda run: Verb(name, help, run, options, on_session, check)


def text(name: str, check: Callable[[str, str], Any], help: str, **more: Any) -> Option:
    """An option whose value this check of `values` reads."""
    return name, {"type": lambda value: check(value, name), "help": help, **more}


class Named(str):
    """The name of what is there, as it was typed: `main` looks whether its blanks are its own."""

    column = "id"

    def __new__(cls, value: str, what: str) -> "Named":
        return super().__new__(cls, values.line(value, what))


class NamedOwner(Named):
    column = "claim_owner"


def number(name: str, low: int, help: str, high: int = values.INT_MAX, **more: Any) -> Option:
    """An option that is a whole number."""
    check = partial(values.integer, name=name, low=low, high=high)
    return name, {"type": check, "help": help, **more}


def one_of(
    name: str, known: Iterable[str], check: Callable[[str], str], help: str, **more: Any
) -> Option:
    """An option that takes one of these words: shells complete them, `check` refuses the rest."""
    shown = name.removeprefix("--").upper()
    return name, {"type": check, "choices": known, "metavar": shown, "help": help, **more}


def flag(name: str, help: str) -> Option:
    return name, {"action": "store_true", "help": help}


ID: Final = text("--id", Named, "the card", required=True, dest="card_id")
# Of the claim that the environment describes, as `work` hands it to its command.
CLAIMED_ID: Final = text(
    "--id", Named, "the card", required=True, dest="card_id", env="BACKLOG_CARD_ID"
)
OPTIONAL_ID: Final = text("--id", Named, "this card only", dest="card_id")
WORKER: Final = text("--owner", values.name, "the worker", required=True, env="BACKLOG_OWNER")
POOL: Final = (
    text("--phase", values.line, "of this phase"),
    text("--role", values.line, "for this role"),
)
