"""`context`: the briefing for a language model."""

from backlog.cli.options import CLAIMED_ID, Options, number, verb
from backlog.cli.reply import Reply, document
from backlog.lifecycle import DEFAULT_BRIEFING_BYTES, LEAST_BRIEFING_BYTES
from backlog.session import Session


@verb(
    "context",
    "a card and what came before, in Markdown, for a language model",
    CLAIMED_ID,
    number(
        "--max-bytes",
        LEAST_BRIEFING_BYTES,
        "cut to this size (%(default)s)",
        default=DEFAULT_BRIEFING_BYTES,
    ),
)
def context(session: Session, options: Options) -> Reply:
    from backlog.verbs.briefing import briefing

    markdown = briefing(session, options.card_id, options.max_bytes)
    answer = {"id": options.card_id, "markdown": markdown}
    return document(answer, markdown.removesuffix("\n").split("\n"))
