"""Many cards for one verb: what `--ids` names, and the answer, with an outcome for each."""

import os
from collections.abc import Sequence
from typing import Any

from backlog.cli.options import STDIN, Options, attempt_of
from backlog.cli.reply import Reply
from backlog.cli.transfer import read_lines
from backlog.errors import ClaimLost, Refusal, StoreUnavailable, UsageError
from backlog.records import Record, one_line, to_json, to_line
from backlog.session import Session
from backlog.values import json_text
from backlog.verbs import names
from backlog.verbs.batches import Held, Outcome
from backlog.verbs.moves import NOTHING_SAID, existing
from backlog.verbs.runs import Report


def ids(session: Session, options: Options) -> list[str]:
    """The ids that `--ids` names. Raises `UsageError`."""
    return [each["id"] for each in asked(session, options, "id")]


def held(session: Session, options: Options, report: Report | None = None) -> list[Held]:
    """The cards that `--ids` names, each in its attempt.

    What is said of each is `report`, or what its line says instead; None: nothing can be said.
    Raises `UsageError`.
    """
    if options.attempt is not None:
        raise UsageError("--attempt is about one card: with --ids -, each line has its own")
    own = os.environ.get("BACKLOG_CARD_ID", "").strip()
    keys = () if report is None else ("summary", "result", "tokens", "cost")
    cards = []
    for said in asked(session, options, "id", "attempt", *keys):
        card_id, attempt = said.pop("id"), said.pop("attempt", None)
        if attempt is None and card_id == own:
            attempt = attempt_of(card_id)
        cards.append(Held(card_id, attempt, (report or NOTHING_SAID)._replace(**said)))
    return cards


def asked(session: Session, options: Options, *keys: str) -> list[dict[str, Any]]:
    """What `--ids` says of each card, by these keys; ids as they stand in the backlog.

    Raises `UsageError`.
    """
    if options.ids == STDIN:
        from backlog.verbs.asked import read_asked  # the other commands start without

        said = read_asked(read_lines(STDIN), keys)
    else:
        said = [{"id": card_id} for card_id in options.ids]
    for each in said:
        each |= {key: names.named(session, "id", each[key]) for key in ("id", "on") if key in each}
    return said


def answer(outcomes: Sequence[Outcome[Record]]) -> Reply:
    """An outcome for each card. The exit status is 0 if all went, 4 if a claim was lost."""
    refused = [each.refusal for each in outcomes if each.refusal is not None]
    kinds = (ClaimLost, StoreUnavailable, Refusal)
    found = [kind for kind in kinds if any(isinstance(refusal, kind) for refusal in refused)]
    lines = map(_line, outcomes) if outcomes else ["(none)"]
    status = found[0].exit_status if found else 0
    return Reply([f"[{','.join(map(_json, outcomes))}]\n"], lines, status)


def _json(outcome: Outcome[Record]) -> str:
    card_id, card, refusal = outcome
    if refusal is None:
        return f'{{"id":{json_text(card_id)},"card":{to_json(card)}}}'
    error = json_text({"code": refusal.code, "message": one_line(refusal)})
    return f'{{"id":{json_text(card_id)},"error":{error}}}'


def _line(outcome: Outcome[Record]) -> str:
    card_id, card, refusal = outcome
    if refusal is None:
        return to_line(existing(card_id, card))
    return one_line(card_id, f"[{refusal.code}]", refusal)
