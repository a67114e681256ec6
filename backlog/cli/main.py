"""The command: words in, an exit status out. Every refusal is caught here and nowhere else."""

import os
import pwd
import sys
from collections.abc import Callable, Mapping, Sequence
from io import TextIOWrapper
from itertools import takewhile
from typing import TYPE_CHECKING, Final, NoReturn

from backlog.cli import connection
from backlog.cli.options import Named, Options
from backlog.cli.parser import VERBS, parse
from backlog.cli.reply import Reply
from backlog.errors import Refusal
from backlog.records import one_line
from backlog.session import ACTOR, Opener, as_refusal
from backlog.shown import say, say_json
from backlog.values import actor, json_text

if TYPE_CHECKING:
    from backlog.verbs.claims import Claiming
    from backlog.verbs.rights import Ask

INTERRUPTED = 130

# Whoever the environment says is at work, the first that says anything.
_ACTORS: Final = ("BACKLOG_OWNER", "LOGNAME", "USER")


def run(
    argv: Sequence[str] | None = None, prog: str = "backlog", verbs: Mapping[str, str] = VERBS
) -> NoReturn:
    """Run the process's own words, or `argv`, and exit; `verbs` as in `main`."""
    ready()
    sys.exit(main(sys.argv[1:] if argv is None else argv, prog=prog, verbs=verbs))


def ready() -> None:
    """Make the process's streams such that anything can be written."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # closed by the caller (`>&-`)
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode))
    for stream in (sys.stdout, sys.stderr):
        # JSON is UTF-8 whatever the locale; an odd argument is shown, not choked on.
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")


def main(
    argv: Sequence[str],
    open_session: Opener = connection.open_session,
    prog: str = "backlog",
    claiming: "Claiming | None" = None,
    verbs: Mapping[str, str] = VERBS,
) -> int:
    """Run one verb; its exit status.

    `open_session` replaces the store that the environment names, `claiming` the verbs that claim
    cards there (None: `verbs.claims.DIRECTLY`), `verbs` those there are, as `parser.VERBS`.
    """

    def act() -> int:
        options = parse(argv, prog, verbs)
        options.connect, options.claimed_by = open_session, claiming
        from backlog.logs import guard  # a wrong option is refused without it

        guard()
        return perform(options, answer)

    return told(argv, act)


def told(argv: Sequence[str], act: Callable[[], int]) -> int:
    """What `act` ends with; if it refuses, that is told in the form that the words ask for."""
    acting = ACTOR.set(_actor(os.environ))
    try:
        return act()
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:
        refusal = as_refusal(error)
        if refusal is None:
            raise
        _complain(refusal, as_json="--json" in takewhile("--".__ne__, argv))
        return refusal.exit_status
    finally:
        ACTOR.reset(acting)


def _actor(environ: Mapping[str, str]) -> str:
    """Who acts, for the events; empty for the database's role."""
    said = (actor(environ.get(name, "")) for name in _ACTORS)
    return next(filter(None, said), "") or _account()


def _account() -> str:
    """What the system calls who runs this, where the environment does not say: in a container."""
    try:
        return actor(pwd.getpwuid(os.geteuid()).pw_name)
    except KeyError:
        return ""


def perform[T](
    options: Options, answer: Callable[[Reply, Options], T], ask: "Ask | None" = None
) -> T:
    """What `answer` makes of the verb's reply, which may be read from the session as it is written.

    `ask` is asked whether it may be done; None: whoever guards the verb (`rights.guard`).
    Raises `Refusal`, and what the database raises.
    """
    from backlog.verbs import rights

    ask = ask or rights.guard(options.deed)
    if not options.on_session:
        if ask is not None:
            from backlog.cli.rights import asked

            with options.connect() as session, asked(ask, session, options):
                pass  # it may be run: it opens sessions of its own
        return answer(options.run(options), options)
    if options.check is not None:
        options.check(options)
    from backlog.verbs import names

    with options.connect() as session:
        for name, given in vars(options).items():
            if isinstance(given, Named):
                setattr(options, name, names.named(session, given.column, str(given)))
        if ask is None:
            return answer(options.run(session, options), options)
        from backlog.cli.rights import asked

        with asked(ask, session, options):
            reply = options.run(session, options)
        return answer(reply, options)


def answer(reply: Reply, options: Options) -> int:
    """Print it, in the form that was asked for; the exit status."""
    try:
        if options.json or reply.text is None:
            say_json(sys.stdout, reply.json)
        else:
            reply.say(sys.stdout, reply.text)
        sys.stdout.flush()
    except OSError as error:
        # What is left in the buffer is not tried again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        # The reader has gone (`… | head`): what it did not read is not missed.
        if not isinstance(error, BrokenPipeError):
            raise Refusal(f"done, but the answer cannot be written: {error.strerror}") from None
    if reply.note:
        say(sys.stderr, [one_line(reply.note)])
    return reply.status


def _complain(refusal: Refusal, as_json: bool) -> None:
    message = one_line(refusal)
    if as_json:
        line = json_text({"error": {"code": refusal.code, "message": message}})
        say_json(sys.stderr, [f"{line}\n"])
    elif refusal.faults and sys.stderr.isatty():
        say(sys.stderr, map(one_line, refusal.faults))
    else:
        say(sys.stderr, [message])
