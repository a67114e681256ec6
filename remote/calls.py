"""A verb called with values instead of words, by somebody who is not at this machine.

What HTTP and MCP have in common: the command's own grammar reads the values, so that they are
checked, refused and answered as the command does it.
"""

import io
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, Final, NamedTuple, Self

from backlog.cli.caller import CALLER, STDIN, Caller
from backlog.cli.main import perform
from backlog.cli.options import Option, Options, Verb
from backlog.cli.parser import declared, parse
from backlog.cli.reply import Reply
from backlog.errors import NotAllowed, UsageError
from backlog.json_logs import about
from backlog.session import ACTOR, Opener
from backlog.values import Digits, exact_json, integer
from hooks import command

if TYPE_CHECKING:
    from backlog.verbs.claims import Claiming
    from backlog.verbs.rights import Ask

# The verbs of the command, and one that only a worker elsewhere needs.
VERBS: Final = {**command.VERBS, "keep-output": "remote.keep_output.keep_output"}
# They are about this machine: its processes, its files, its store.
_NOT_CALLED: Final = frozenset({"work", "store"})
# With them a verb never ends, or waits while it holds a connection to the database.
_NOT_GIVEN: Final = frozenset({"--follow", "--every", "--wait", "--json"})

# What each call is done within, given the name of its verb: whoever serves measures it, say.
within: Callable[[str], AbstractContextManager[object]] = nullcontext


class Parameter(NamedTuple):
    """A value of a call: `name` as JSON has it, `word` as the command has it.

    `settings` are those of `add_argument`.
    """

    name: str
    word: str
    settings: Mapping[str, Any]

    @classmethod
    def of(cls, option: Option) -> Self:
        """The value that an option of the command is here: `claimNext` of `--claim-next`."""
        word, settings = option
        first, *more = word.lstrip("-").split("-")
        return cls(first + "".join(map(str.capitalize, more)), word, settings)

    @property
    def is_actor(self) -> bool:
        """Names whoever does the verb."""
        return self.name == "by" or self.settings.get("env") == "BACKLOG_OWNER"

    @property
    def is_required(self) -> bool:
        """Must be given; who acts is known without."""
        is_named = self.word.startswith("-")
        return not self.is_actor and bool(self.settings.get("required") or not is_named)

    @property
    def bounds(self) -> tuple[int, int] | None:
        """The least and the greatest value of a whole number; None: it is something else."""
        check = self.settings.get("type")
        if isinstance(check, partial) and check.func is integer:
            return check.keywords["low"], check.keywords["high"]
        return None

    @property
    def is_flag(self) -> bool:
        """True or false, and no more."""
        return "action" in self.settings

    @property
    def is_switch(self) -> bool:
        """On or off; here true or false as well."""
        return self.settings.get("metavar") == "on|off"

    @property
    def is_list(self) -> bool:
        """Names at commas, as the command has them; here an array as well."""
        return "," in str(self.settings.get("metavar"))

    @property
    def is_fed(self) -> bool:
        """A file for the command; here its content."""
        return not self.word.startswith("-") and self.settings.get("metavar") == "FILE"


@dataclass(frozen=True)
class Called:
    """A verb that can be called: `words`, its group and its name."""

    words: tuple[str, ...]
    verb: Verb

    @cached_property
    def name(self) -> str:
        """As a path: `plan/apply`."""
        return "/".join(self.words)

    @cached_property
    def identifier(self) -> str:
        """As programs name things: `plan_apply`."""
        return self.name.replace("/", "_").replace("-", "_")

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """What it may be given."""
        return tuple(
            Parameter.of(option) for option in self.verb.options if option[0] not in _NOT_GIVEN
        )


def takes_none(name: str, unknown: Iterable[str], taken: Iterable[str]) -> str:
    """The refusal of `unknown` names by the call of this name, which takes those in `taken`."""
    return f"{name} takes no {', '.join(unknown)}; it takes {', '.join(taken) or 'nothing'}"


def is_called(name: str) -> bool:
    """Whether the verb, or the group, of this name can be called."""
    return name in VERBS and name not in _NOT_CALLED


def verbs() -> Iterable[Called]:
    """Every verb that can be called, in the order of the command's help."""
    for name, place in VERBS.items():
        if not is_called(name):
            continue
        found = declared(place)
        if isinstance(found, Verb):
            yield Called((name,), found)
            continue
        if found.alone is not None:
            yield Called((name,), found.alone)
        yield from (Called((name, action.name), action) for action in found.actions)


def in_the_name(
    called: Called, given: Mapping[str, Any], worker: str, *, operates: bool
) -> tuple[dict[str, Any], bool]:
    """The values with this worker as whoever acts, and whether what is said of a claim is said by
    its holder: not if `owner` is null and the worker `operates`. Whoever does not may leave `owner`
    null all the same, and must hold the claim then. Raises `NotAllowed` if they name another.
    """
    said, holds = dict(given), True
    for name in (each.name for each in called.parameters if each.is_actor):
        if name == "owner" and name in said and said[name] is None:
            holds = not operates
        elif said.get(name) not in (None, worker):
            raise NotAllowed(f"{name} must be {worker}, who calls")
        elif name == "by":
            said[name] = worker
    return said, holds


def call[T](
    called: Called,
    given: Mapping[str, Any],
    worker: str,
    connect: Opener,
    answer: Callable[[Reply, Options], T],
    *,
    holds: bool = True,
    claiming: "Claiming | None" = None,
    ask: "Ask | None" = None,
    as_json: bool = True,
) -> T:
    """Do the verb in the name of this worker; returns what `answer` makes of its reply, while the
    session is open. The reply is that of `--json`, or the one for people, unless `as_json`.

    `holds`: the worker acts on a claim as its holder, as with `--owner`; else as an operator does.
    Raises `Refusal`, and what the database raises.
    """
    words, fed = _words(called, given)
    words += ["--json"] if as_json else []
    environ = {"BACKLOG_OWNER": worker} if holds else {}
    calling = CALLER.set(Caller(environ, lambda: io.BytesIO(fed), has_files=False))
    acting = ACTOR.set(worker)
    try:
        known = {"card": given.get("id"), "owner": worker, "attempt": given.get("attempt")}
        with within(called.name), about(verb=called.name, **known):
            options = parse(words, "backlog", VERBS)
            options.connect, options.claimed_by = connect, claiming
            return perform(options, answer, ask)
    finally:
        ACTOR.reset(acting)
        CALLER.reset(calling)


def _words(called: Called, given: Mapping[str, Any]) -> tuple[list[str], bytes]:
    """The words of the command that say the same, and what is fed to it. Raises `UsageError`."""
    known = {each.name: each for each in called.parameters}
    if unknown := [name for name in given if name not in known]:
        raise UsageError(takes_none(called.name, unknown, known))
    words, fed = [*called.words], b""
    for name, value in given.items():
        if value is None:
            continue
        parameter = known[name]
        if _is_fed(parameter, value):
            words.append(STDIN if parameter.is_fed else f"{parameter.word}={STDIN}")
            fed = _content(value)
        else:
            words += _said(parameter, value)
    return words, fed


def _is_fed(parameter: Parameter, value: Any) -> bool:
    is_list = isinstance(value, list)
    named = is_list and bool(value) and all(isinstance(each, str) for each in value)
    return parameter.is_fed or (parameter.word == "--ids" and is_list and not named)


def _content(value: Any) -> bytes:
    """What is in a file for the command: text as it is, values as JSON lines."""
    if isinstance(value, str):
        return value.encode()
    each = value if isinstance(value, list) else [value]
    return "".join(f"{exact_json(one)}\n" for one in each).encode()


def _said(parameter: Parameter, value: Any) -> list[str]:
    if parameter.is_flag:
        if not isinstance(value, bool):
            raise UsageError(f"{parameter.name} must be true or false")
        return [parameter.word] if value else []
    if isinstance(value, str) and not isinstance(value, Digits):
        text = value
    elif isinstance(value, bool) and parameter.is_switch:
        text = "on" if value else "off"
    elif isinstance(value, list) and parameter.is_list:
        text = ",".join(map(str, value))
    else:
        text = exact_json(value)
    if parameter.word.startswith("-"):
        return [f"{parameter.word}={text}"]
    if text.startswith("-"):
        raise UsageError(f"{parameter.name} must not begin with -: {text}")
    return [text]
