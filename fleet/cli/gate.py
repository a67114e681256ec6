"""`decide`, `decisions`, `heartbeat`: what the gate decides, and that it is there."""

from backlog import values
from backlog.cli.options import ID, OPTIONAL_ID, WORKER, Options, flag, number, one_of, text, verb
from backlog.cli.reply import Reply, each, one
from backlog.cli.rules import IS_PAUSED
from backlog.records import iso, row
from backlog.session import Session
from fleet.verbs import gate
from fleet.verbs.gate import Decision
from fleet.words import VERDICTS


@verb(
    "decide",
    "put on record what the gate decided about a card; exit status 6 if nothing merges now",
    ID,
    one_of("--verdict", VERDICTS, ", ".join(VERDICTS), required=True),
    text("--reason", values.line, "why", required=True),
    text("--commit", values.key, "what was merged, held or rejected"),
    text("--owner", values.name, "who decides (you)", env="BACKLOG_OWNER"),
)
def decide(session: Session, options: Options) -> Reply:
    said = options.verdict, options.reason, options.commit, options.owner
    made, paused = gate.decide(session, options.card_id, *said)
    if paused is None:
        return one(made, _line(made))
    return one(made, _line(made), IS_PAUSED, f"held, not merged: {paused} is paused")


@verb(
    "decisions",
    "what the gate decided, oldest first",
    OPTIONAL_ID,
    number("--limit", 1, "the newest so many"),
)
def decisions(session: Session, options: Options) -> Reply:
    found = gate.decisions(session, options.card_id, options.limit)
    return each(found, _line, "(no decisions)", as_json=options.json)


@verb(
    "heartbeat",
    "the gate is there, though it decides nothing",
    WORKER,
    flag("--off", "it is there no more, and nobody waits for it"),
)
def heartbeat(session: Session, options: Options) -> Reply:
    heard = (gate.forget if options.off else gate.heartbeat)(session, options.owner)
    return one(heard, row(heard.name, iso(heard.at)))


def _line(made: Decision) -> str:
    return row(
        made.card_id, f"[{made.verdict}]", made.actor, iso(made.at), made.commit or "-", made.reason
    )
