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
    return reply._replace(note=_IN_PART) if found.in_part else reply


_IN_PART = (
    f"very many cards have this: {verbs.MOST_RANKED:,} of each kind of text were ranked, in no"
    " order; a further word finds them better"
)


def _line(hit: verbs.Hit) -> str:
    where = f"{hit.found_in} of attempt {hit.attempt}" if hit.attempt else hit.found_in
    return row(hit.id, f"[{hit.cell}]", f"phase={hit.phase or '-'}", hit.title, where, hit.snippet or "-")
