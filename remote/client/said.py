"""What the words of a command say, as values for the wire: the inverse of `remote.calls`.

The command's own grammar reads them here, so that a mistake is told in its words before anything
is sent. The files that they name are this host's: they are read here, and their content is sent.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from backlog.cli.caller import CALLER, STDIN
from backlog.cli.options import Group, Option, Options, Verb, attempt_of
from backlog.cli.parser import declared, parse
from backlog.errors import Refusal, UsageError, WrongState
from remote.calls import Called, Parameter

# What verbs may look at in an object of `--ids -`.
_OF_EACH: Final = ("id", "on", "attempt", "summary", "result", "tokens", "cost")
# Who acts: compared with the worker of the token.
_WHO: Final = ("--owner", "--by")
# What else a card tells of its claim.
_OF_A_CLAIM: Final = ("status", "attempts")


def read(
    argv: Sequence[str], prog: str, verbs: Mapping[str, str]
) -> tuple[Options, dict[str, str]]:
    """The options as the command reads them; and what was read for them, words or variables, as it
    was written, by the names of the options.

    `verbs` as `parser.VERBS`. Raises `UsageError`.
    """
    words: dict[str, str] = {}
    options = parse(argv, prog, verbs, lambda place: _noted(declared(place), words))
    if options.check is not None:
        options.check(_with_somebody(options))
    return options, words


def _with_somebody(options: Options) -> Options:
    """The options as a check sees them: whoever acts is the worker of the token, if not named."""
    if options.acting is None or getattr(options, options.acting) is not None:
        return options
    return Options(**{**vars(options), options.acting: "the worker of the token"})


def _noted[D: (Verb, Group, Verb | Group)](found: D, words: dict[str, str]) -> D:
    """The same verb, whose options note in `words` what they are given."""
    if isinstance(found, Group):
        actions = tuple(_noted(each, words) for each in found.actions)
        return found._replace(actions=actions, alone=found.alone and _noted(found.alone, words))
    return found._replace(options=tuple(_noting(each, words) for each in found.options))


def _noting(option: Option, words: dict[str, str]) -> Option:
    name, settings = option
    if Parameter.of(option).is_actor:
        settings = {**settings, "required": False}
    if "action" in settings or "nargs" in settings:
        return option
    check: Callable[[str], Any] = settings.get("type", str)

    def note(word: str) -> Any:
        words[name] = word
        return check(word)

    return name, {**settings, "type": note}


def called(options: Options, verbs: Mapping[str, str]) -> Called:
    """The verb that was read."""
    words = tuple(options.deed.split(" "))
    found = declared(verbs[words[0]])
    if isinstance(found, Group):
        alone = [found.alone] if found.alone is not None else []
        found = next(each for each in (*found.actions, *alone) if each.name == words[-1])
    return Called(words, found)


def given(called: Called, options: Options, words: Mapping[str, str]) -> dict[str, Any]:
    """What to send, by the names of the parameters. Raises `UsageError`, and reads files."""
    sent: dict[str, Any] = {}
    for parameter in called.parameters:
        value = getattr(options, _destination(parameter), None)
        if parameter.is_flag:
            if value is (parameter.settings["action"] == "store_true"):
                sent[parameter.name] = True
        elif parameter.is_fed:
            sent[parameter.name] = _content(options)
        elif parameter.word == "--ids" and value is not None:
            sent[parameter.name] = _each_of(value, options)
        elif value is not None or (parameter.word in words and parameter.word != "--id"):
            # Read as nothing, where it is blank. An id is never that: `--ids` stands for it.
            sent[parameter.name] = _value(parameter, value, words)
    unnamed = options.acting and getattr(options, options.acting) is None
    if unnamed and "attempt" in options and not getattr(options, "claim_next", False):
        # Whoever holds the claim, if the token may: it is an operator's hand. (Whoever claims the
        # next card is the worker of the token.)
        sent[str(options.acting)] = None
    return sent


def _destination(parameter: Parameter) -> str:
    default = parameter.word.lstrip("-").replace("-", "_")
    return str(parameter.settings.get("dest", default))


def _value(parameter: Parameter, value: Any, words: Mapping[str, str]) -> Any:
    """As it was written, for whoever reads it there; what was in a file after an @."""
    if type(value) is int or parameter.word == "--evidence":
        return value
    word = words[parameter.word]
    return word.strip() if parameter.word in _WHO else word


def _content(options: Options) -> str:
    """What is in the FILE. Raises `UsageError` where it is no text."""
    from backlog.cli.transfer import read_lines, source

    if options.deed == "north-star propose":
        from fleet.cli.north_star import text_of

        return text_of(options.file)
    tracker = getattr(options, "tracker", None)
    lines = source(tracker, options.file) if tracker else read_lines(options.file)
    if isinstance(lines, str):
        raise WrongState(
            f"a directory cannot be sent: import --from {tracker} on the host of the database,"
            " where neither BACKLOG_URL is set nor the directory missing"
        )
    try:
        return b"".join(lines).decode()
    except UnicodeDecodeError:
        raise _no_text(options, lines) from None


def _no_text(options: Options, lines: Sequence[bytes]) -> Refusal:
    """The refusal of a file that is no text; an import says which line."""
    from backlog.verbs.faults import place
    from backlog.verbs.framing import backlog

    for line, element, found in backlog(lines) if options.verb == "import" else ():
        if isinstance(found, Refusal):
            return UsageError(f"{place(line, element)}: {found}")
    return UsageError(f"{options.file} must be UTF-8 text")


def _each_of(ids: str | list[str], options: Options) -> list[Any]:
    """The cards of `--ids`; the one that the environment names, in its attempt."""
    asked = _objects(options) if ids == STDIN else [{"id": each} for each in ids]
    own = CALLER.get().environ.get("BACKLOG_CARD_ID", "").strip()
    attempt = attempt_of(own) if own and "attempt" in options else None
    if attempt is not None:
        asked = [{"attempt": attempt, **each} if each["id"] == own else each for each in asked]
    elif ids != STDIN:
        return list(ids)
    return asked


def _objects(options: Options) -> list[dict[str, Any]]:
    """What stands on the lines of `--ids -`, refused as the verb refuses it."""
    from backlog.cli.transfer import read_lines
    from backlog.verbs.asked import read_asked
    from backlog.verbs.framing import documents

    known = {**vars(options), "id": "", **({"on": ""} if "dependency_id" in options else {})}
    keys = [key for key in _OF_EACH if key in known]
    lines = read_lines(STDIN)
    read_asked(lines, keys)
    sent = (*keys, *_OF_A_CLAIM)
    found = (each.document for each in documents(lines))
    return [{key: each[key] for key in sent if key in each} for each in found if each is not None]
