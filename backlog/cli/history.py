"""`history`, `tail`: what happened; `comment`."""

from collections.abc import Iterator
from typing import Final

from backlog import values
from backlog.cli.options import CLAIMED_ID, Options, flag, number, text, verb
from backlog.cli.reply import Reply, many, one, stream
from backlog.errors import NotFound
from backlog.records import iso, row, to_json
from backlog.session import Session
from backlog.verbs import cards
from backlog.verbs import history as verbs
from backlog.verbs.history import Event

_POLL_SECONDS: Final = 0.5


@verb(
    "history",
    "what happened to a card, oldest first",
    CLAIMED_ID,
    number("--limit", 1, "the newest so many events"),
)
def history(session: Session, options: Options) -> Reply:
    events = verbs.history(session, options.card_id, options.limit)
    if not events and cards.find(session, options.card_id) is None:
        raise NotFound(f"there is no card {options.card_id}, and there never was")
    return many(events, _line, "(no history)")


@verb(
    "comment",
    "say something about a card, for its history and its next worker",
    CLAIMED_ID,
    text("--note", values.line, "what to say", required=True),
)
def comment(session: Session, options: Options) -> Reply:
    event = verbs.comment(session, options.card_id, options.note)
    return one(event, _line(event))


@verb(
    "tail",
    "what happened last, to any card, oldest first",
    number("--limit", 0, "the newest so many events (%(default)s)", default=20),
    flag("--follow", "and what happens from now on"),
)
def tail(session: Session, options: Options) -> Reply:
    if options.follow:
        return stream(_follow(session, options))
    events = verbs.newest(session, options.limit)
    text = map(line_of_all, events) if events else ["(no events)"]
    return Reply((to_json(event) + "\n" for event in events), text)


def _follow(session: Session, options: Options) -> Iterator[str]:
    from backlog.cli.loops import repeat, until_unread

    follower = verbs.Follower()
    started = False

    def step(session: Session) -> Iterator[str]:
        nonlocal started
        events = follower.poll(session) if started else follower.start(session, options.limit)
        started = True
        return map(to_json if options.json else line_of_all, events)

    return repeat(session, options.connect, step, _POLL_SECONDS, until_unread)


def _line(event: Event) -> str:
    return row(
        iso(event.at),
        event.actor,
        event.verb,
        f"{event.from_status or '-'}→{event.to_status or '-'}",
        f"attempt={event.attempt}",
        event.note or "-",
    )


def line_of_all(event: Event) -> str:
    """Where the card does not go without saying."""
    return f"{row(event.card_id)}\t{_line(event)}"
