"""`gate`, `ungate`, `gates`: phases whose cards are done only with their verdicts."""

from backlog import values
from backlog.cli.options import Options, text, verb
from backlog.cli.reply import Reply, many, one
from backlog.records import iso, row
from backlog.session import Session
from backlog.verbs import gates as rules
from backlog.verbs.gates import Gate

_PHASE = text("--phase", values.line, "of this phase", required=True)


@verb("gate", "the cards of a phase are done only with their verdicts", _PHASE)
def gate(session: Session, options: Options) -> Reply:
    made = rules.gate(session, options.phase)
    return one(made, _line(made), note=rules.of_nothing(session, made))


@verb("ungate", "they are done without, again", _PHASE)
def ungate(session: Session, options: Options) -> Reply:
    ended = rules.ungate(session, options.phase)
    what = f"{ended.cards} gated no longer, {ended.in_review} of them in review"
    return one(ended, row(f"no gate: phase {ended.phase}", what))


@verb("gates", "every gated phase, and how many cards wait for verdicts")
def gates(session: Session, options: Options) -> Reply:
    return many(rules.gates(session), _line, "(no gates)")


def _line(each: Gate) -> str:
    cards = f"{each.cards} gated, {each.in_review} in review"
    return row(f"gate: phase {each.phase}", cards, each.actor, iso(each.since))
