"""`escalate`, `escalations`, `ack`, `resolve`: what an operator is asked to see to."""

from typing import Final

from backlog import values
from backlog.cli.options import Named, Options, flag, number, text, verb
from backlog.cli.reply import Reply, each, one
from backlog.records import iso, row
from backlog.session import Session
from fleet.verbs import escalations as verbs
from fleet.verbs.escalations import Escalation

_NUMBER: Final = number("--escalation", 1, "its number", high=values.BIGINT_MAX, required=True)
_BY: Final = text("--by", values.name, "who does (you)", env="BACKLOG_OWNER")


@verb(
    "escalate",
    "ask an operator to see to something, again and again until somebody does",
    text("--id", Named, "about this card", dest="card_id", env="BACKLOG_CARD_ID"),
    text("--reason", values.line, "what to see to", required=True),
    text("--owner", values.name, "who asks (you)", env="BACKLOG_OWNER"),
)
def escalate(session: Session, options: Options) -> Reply:
    made = verbs.escalate(session, options.reason, options.card_id, options.owner)
    return one(made, _line(made))


@verb(
    "escalations",
    "what operators are asked to see to, oldest first",
    flag("--all", "what is resolved, too"),
)
def escalations(session: Session, options: Options) -> Reply:
    found = verbs.escalations(session, resolved=options.all)
    return each(found, _line, "(no escalations)", as_json=options.json)


@verb("ack", "somebody sees to an escalation: it is not raised again", _NUMBER, _BY)
def ack(session: Session, options: Options) -> Reply:
    found = verbs.ack(session, options.escalation, options.by)
    return one(found, _line(found))


@verb(
    "resolve",
    "an escalation is seen to",
    _NUMBER,
    text("--note", values.optional, "what came of it"),
    _BY,
)
def resolve(session: Session, options: Options) -> Reply:
    found = verbs.resolve(session, options.escalation, options.note, options.by)
    return one(found, _line(found))


def _line(found: Escalation) -> str:
    return row(
        found.id,
        f"[{found.state}]",
        found.card_id or "-",
        f"raised={found.raised}",
        found.actor,
        iso(found.raised_at),
        found.reason,
        *filter(None, [found.resolution]),
    )
