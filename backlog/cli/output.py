"""`output`: what the command of a run printed."""

from collections.abc import Iterator
from typing import Final

from backlog.cli.options import CLAIMED_ID, Options, flag, number, verb
from backlog.cli.reply import Reply
from backlog.records import to_json
from backlog.session import Session
from backlog.shown import in_json, say_printed
from backlog.verbs import output as verbs
from backlog.verbs.output import Output

_POLL_SECONDS: Final = 1.0


@verb(
    "output",
    "the end of what the command of a run printed",
    CLAIMED_ID,
    number("--attempt", 1, "of this attempt (the newest)"),
    flag("--follow", "and what it prints from now on, until it ends"),
)
def output(session: Session, options: Options) -> Reply:
    if options.follow:
        found = verbs.look(session, options.card_id, options.attempt)
        run = verbs.existing_run(options.card_id, found)
        options.attempt = run.attempt  # another may begin meanwhile
        if run.more:
            return shown(_follow(session, options), options)
    return shown(iter([verbs.output(session, options.card_id, options.attempt)]), options)


def shown(pieces: Iterator[Output], options: Options) -> Reply:
    """Each as a line of JSON; for people as it was printed, and said what is missing."""
    if options.json:
        return Reply((in_json(to_json(piece)) + "\n" for piece in pieces), [])
    return Reply([], _texts(pieces), say=say_printed)


def _texts(pieces: Iterator[Output]) -> Iterator[str]:
    size, ends = 0, True
    for piece in pieces:
        if missing := piece.before - size:
            yield f"{'' if ends else '\n'}[{missing:,} bytes are not kept]\n"
        yield piece.text
        size, ends = piece.size, piece.text[-1:] == "\n" or (ends and not piece.text)
    if not ends:
        yield "\n"


def _follow(session: Session, options: Options) -> Iterator[Output]:
    """What is kept, then what comes, until no more may come."""
    from backlog.cli.loops import repeat, until_unread

    size, ended, over = 0, False, False

    def step(session: Session) -> list[Output]:
        nonlocal size, ended, over
        found = verbs.look(session, options.card_id, options.attempt, size)
        over = found is None or not found.more
        new = found and found.output
        if new is None or (new.size, new.ended) == (size, ended):
            return []
        size, ended = new.size, new.ended
        return [new]

    def wait(seconds: float) -> bool:
        return over or until_unread(seconds)

    return repeat(session, options.connect, step, _POLL_SECONDS, wait)
