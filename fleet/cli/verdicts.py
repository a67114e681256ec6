"""`verify`, `verdicts`, `request-changes`: what has been seen of a card, and its way back."""

from backlog import values
from backlog.cli.options import CLAIMED_ID, ID, NamedOwner, Option, Options, number, text, verb
from backlog.cli.reply import Reply, document, one_card
from backlog.lifecycle import LONGEST_KEY
from backlog.records import iso, row
from backlog.session import Session
from backlog.verbs import verdicts as ledgers
from backlog.verbs.verdicts import Criterion, Ledger
from fleet.cli.evidence import EVIDENCE

_BY: Option = text("--by", NamedOwner, "who says so", required=True, env="BACKLOG_OWNER")


@verb(
    "verify",
    "whether a criterion of a card has passed, and what shows it",
    ID,
    number("--criterion", 1, "which, counted from 1 (verdicts lists them)", required=True),
    ("--pass", {"action": "store_true", "dest": "passed", "help": "it has", "either": True}),
    ("--fail", {"action": "store_false", "dest": "passed", "help": "it has not", "either": True}),
    EVIDENCE,
    _BY,
    text(
        "--commit", lambda value, name: values.line(value, name, LONGEST_KEY), "what was looked at"
    ),
)
def verify(session: Session, options: Options) -> Reply:
    said = options.criterion, options.passed, options.evidence, options.by, options.commit
    return _answer(ledgers.verify(session, options.card_id, *said))


@verb("verdicts", "every criterion of a card, with its newest verdict", CLAIMED_ID)
def verdicts(session: Session, options: Options) -> Reply:
    return _answer(ledgers.ledger(session, options.card_id))


@verb(
    "request-changes",
    "give a card in review back, with what is to change",
    ID,
    text("--reason", values.line, "what is to change, for its next attempts", required=True),
    _BY,
)
def request_changes(session: Session, options: Options) -> Reply:
    given = options.card_id, options.reason, options.by
    return one_card(ledgers.request_changes(session, *given))


def _answer(found: Ledger) -> Reply:
    gated = "gated" if found.gated else "not gated"
    head = row(found.card, gated, f"{len(found.open)} of {len(found.criteria)} open")
    still = set(found.open)
    lines = (_line(each, is_open=each.criterion in still) for each in found.criteria)
    return document(found.as_json(), [head, *lines])


def _line(each: Criterion, *, is_open: bool) -> str:
    state = "failed" if each.passed is False else "open" if is_open else "passed"
    said = [] if each.at is None else [each.by, iso(each.at), each.evidence]
    return row(each.criterion, f"[{state}]", each.text or "(the card as a whole)", *said)
