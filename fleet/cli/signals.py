"""`signal`, `signals`: what somebody noticed on looking back, for whoever improves the fleet."""

from itertools import chain
from typing import Final

from backlog import values
from backlog.cli.options import ID, OPTIONAL_ID, Options, one_of, text, verb
from backlog.cli.reply import Reply, joined, kept, one
from backlog.records import iso, row, to_json
from backlog.session import Session
from backlog.values import json_text
from fleet.cli.evidence import EVIDENCE
from fleet.verbs import signals as verbs
from fleet.verbs.signals import Signal
from fleet.words import KINDS_OF_SIGNALS

_KINDS: Final = ", ".join(KINDS_OF_SIGNALS)


@verb(
    "signal",
    "record what somebody noticed on looking back at a card",
    ID,
    one_of("--kind", KINDS_OF_SIGNALS, _KINDS, required=True),
    text("--text", values.line, "what it was", required=True),
    EVIDENCE,
    text("--owner", values.name, "who noticed (you)", env="BACKLOG_OWNER"),
)
def signal(session: Session, options: Options) -> Reply:
    said = options.kind, options.text, options.evidence, options.owner
    made = verbs.signal(session, options.card_id, *said)
    return one(made, _line(made))


@verb(
    "signals",
    "what was noticed, oldest first, and how often of each kind",
    one_of("--kind", KINDS_OF_SIGNALS, f"of this kind: {_KINDS}"),
    OPTIONAL_ID,
    text("--since", values.moment, "from then on, such as 2026-01-31T08:00Z"),
)
def signals(session: Session, options: Options) -> Reply:
    counts = verbs.counts(session, options.card_id, options.since)
    found = verbs.signals(session, options.kind, options.card_id, options.since)
    lines = kept(map(to_json if options.json else _line, found))
    document = chain([f'{{"counts":{json_text(counts)},"signals":'], joined(lines, "}"))
    head = " ".join(f"{kind}={number}" for kind, number in counts.items())
    return Reply(document, chain([head], lines))


def _line(made: Signal) -> str:
    return row(made.card_id, f"[{made.kind}]", made.actor, iso(made.at), made.text)
