"""`repeat`, `repeats`: cards that are made again."""

from typing import TYPE_CHECKING, Final

from backlog import values
from backlog.cli.options import ID, Options, either, flag, text, verb
from backlog.cli.reply import Reply, many, one
from backlog.errors import UsageError
from backlog.records import iso, row
from backlog.session import Session

if TYPE_CHECKING:
    from fleet.verbs.repeats import Repeat


_CRON: Final = text(
    "--cron", values.line, 'minute, hour, day, month, day of the week: "0 9 * * 1"', metavar="LINE"
)


def _zone_of_a_line(options: Options) -> None:
    if options.off and options.zone is not None:
        raise UsageError("--zone is about the times of --cron")


@verb(
    "repeat",
    "make a card like this again and again, or no more",
    ID,
    either(_CRON),
    text("--zone", values.line, "whose clocks count, such as Europe/Berlin (UTC)"),
    either(flag("--off", "no more")),
    check=_zone_of_a_line,
)
def repeat(session: Session, options: Options) -> Reply:
    from fleet.verbs import repeats as verbs  # the help does without time zones and cron

    if options.off:
        ended = verbs.no_repeat(session, options.card_id)
        return one(ended, f"no longer repeated: {ended.series}")
    made = verbs.repeat(session, options.card_id, options.cron, options.zone or "UTC")
    return one(made, _line(made))


@verb("repeats", "cards that are made again, and when next")
def repeats(session: Session, options: Options) -> Reply:
    from fleet.verbs import repeats as verbs

    return many(verbs.repeats(session), _line, "(nothing is repeated)")


def _line(each: "Repeat") -> str:
    newest = "-" if each.id == each.series else f"newest={each.id}"
    return row(each.series, each.cron, each.zone, f"next={iso(each.next_at)}", newest)
