"""`archive`: done cards leave lists and the board."""

from typing import Final

from backlog import values
from backlog.cli.options import ID, Option, Options, either, number, or_ids, text, verb
from backlog.cli.reply import Reply, document, one_card
from backlog.errors import UsageError
from backlog.session import Session
from backlog.verbs import archive as verbs

_OLDER: Final[Option] = number(
    "--older-than", 0, "done for longer than so many days", verbs.MOST_DAYS, metavar="DAYS"
)


def _about_the_old(options: Options) -> None:
    if options.phase is not None and options.older_than is None:
        raise UsageError("--phase is about what is old: --older-than")


@verb(
    "archive",
    "done cards leave lists and the board",
    *or_ids(ID),
    either(_OLDER),
    text("--phase", values.line, "of this phase"),
    check=_about_the_old,
)
def archive(session: Session, options: Options) -> Reply:
    if options.older_than is not None:
        number_of = verbs.archive_older(session, options.older_than, options.phase)
        return document({"archived": number_of}, [f"archived: {number_of}"])
    return one_card(verbs.archive(session, options.card_id))
