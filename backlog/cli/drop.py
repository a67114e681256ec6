"""`drop`: a card that will not be done."""

from backlog import values
from backlog.cli.options import ID, Named, Options, one_of, text, verb
from backlog.cli.reply import Reply
from backlog.lifecycle import WAITING_FOR_DROPPED
from backlog.records import to_json, to_line
from backlog.session import Session
from backlog.shown import named
from backlog.values import json_text
from backlog.verbs import drop as verbs


@verb(
    "drop",
    "a card will not be done",
    ID,
    text("--reason", values.line, "why", required=True),
    text("--duplicate-of", Named, "the card that it repeats", metavar="ID"),
    one_of(
        "--dependents",
        tuple(WAITING_FOR_DROPPED),
        "what becomes of cards that wait for it: "
        + "; ".join(f"{name}: {what}" for name, what in WAITING_FOR_DROPPED.items()),
    ),
)
def drop(session: Session, options: Options) -> Reply:
    done = verbs.drop(
        session,
        options.card_id,
        options.reason,
        duplicate_of=options.duplicate_of,
        dependents=options.dependents,
    )
    if options.allow is not None and (done.dropped or done.blocked):
        options.allow([*done.dropped, *done.blocked])  # or nothing has been done
    others = {"dropped": done.dropped, "blocked": done.blocked, "left": done.left}
    lines = [f"{what}: {named(ids)}" for what, ids in others.items() if ids]
    answer = f'{{"card":{to_json(done.card)},{json_text(others)[1:]}\n'
    return Reply([answer], [to_line(done.card), *lines])
