"""`search`: cards by their words."""

from functools import partial

from backlog import values
from backlog.cli.options import Options, number, verb
from backlog.cli.reply import Reply, many
from backlog.records import row
from backlog.session import Session
from backlog.verbs import search as verbs

_TEXT = partial(values.line, name="TEXT", longest=verbs.LONGEST)


@verb(
    "search",
    "cards that have these words, or their beginnings, the best first",
    ("text", {"metavar": "TEXT", "type": _TEXT, "help": "words, all of them to be found"}),
    number("--limit", 1, "the first so many (%(default)s)", verbs.MOST_RANKED, default=20),
)
def search(session: Session, options: Options) -> Reply:
    found = verbs.search(session, options.text, options.limit)
    reply = many(found.hits, _line, "(no cards)")
    notes = [_IN_PART] * found.in_part + [_TO_COME] * found.to_come
    return reply._replace(note="; ".join(notes) or None)


_IN_PART = (
    f"very many cards have this: {verbs.MOST_RANKED:,} of each kind of text were ranked;"
    " a further word finds them better"
)
_TO_COME = "some cards are new and not looked through yet: sweep does that"


def _line(hit: verbs.Hit) -> str:
    where = f"{hit.found_in} of attempt {hit.attempt}" if hit.attempt else hit.found_in
    state = f"[{hit.cell}{', archived' * hit.archived}]"
    return row(hit.id, state, f"phase={hit.phase or '-'}", hit.title, where, hit.snippet or "-")
