"""The verbs that take many cards by `--ids`: what that names, and an outcome for each.

A function for each, of its own name (see `options.verb`).
"""

from collections.abc import Callable, Sequence
from typing import Any

from backlog.cli.caller import CALLER, STDIN
from backlog.cli.cards import given_fields, noted
from backlog.cli.moves import release_report, report_of
from backlog.cli.options import Options, attempt_of
from backlog.cli.reply import Reply, to_deleted
from backlog.cli.transfer import read_lines
from backlog.errors import ClaimLost, Refusal, StoreUnavailable, UsageError
from backlog.records import Record, one_line, to_json, to_line
from backlog.session import Session
from backlog.values import json_text
from backlog.verbs import batches, names
from backlog.verbs.batches import Held, Outcome
from backlog.verbs.cards import delete_together
from backlog.verbs.moves import NOTHING_SAID, existing
from backlog.verbs.runs import Report


def complete(session: Session, options: Options) -> Reply:
    cards = _held(session, options, report_of(options))
    return _answer(batches.complete_many(session, cards, options.owner, texts=options.json))


def block(session: Session, options: Options) -> Reply:
    cards = _held(session, options, report_of(options))
    how = {"reason": options.reason, "note": options.note, "texts": options.json}
    return _answer(batches.block_many(session, cards, options.owner, **how))


def cancel(session: Session, options: Options) -> Reply:
    return _answer(batches.cancel_many(session, _ids(session, options), reason=options.reason))


def reopen(session: Session, options: Options) -> Reply:
    return _answer(batches.reopen_many(session, _ids(session, options)))


def archive(session: Session, options: Options) -> Reply:
    return _answer(batches.archive_many(session, _ids(session, options)))


def unblock(session: Session, options: Options) -> Reply:
    return _answer(batches.unblock_many(session, _ids(session, options), note=options.note))


def release(session: Session, options: Options) -> Reply:
    cards = _held(session, options, release_report(options))
    how = {"delay": options.delay, "texts": options.json}
    return _answer(batches.release_many(session, cards, options.owner, **how))


def renew(session: Session, options: Options) -> Reply:
    cards = _held(session, options)
    renewed = batches.renew_many(session, cards, options.owner, options.ttl, texts=options.json)
    return _answer(renewed)


def edit(session: Session, options: Options) -> Reply:
    fields = given_fields(options)
    reply = _answer(batches.edit_many(session, _ids(session, options), **fields))
    return noted(session, fields.get("depends_on", ()), reply)


def delete(session: Session, options: Options) -> Reply:
    named = _ids(session, options)
    batches.refuse_repeats(named)
    gone = {card.id: card for card in delete_together(session, named, force=options.force)}
    return _answer([Outcome(card_id, gone[card_id], None) for card_id in named], to_deleted)


def link(session: Session, options: Options) -> Reply:
    return _answer(batches.link_many(session, _pairs(session, options)))


def unlink(session: Session, options: Options) -> Reply:
    return _answer(batches.unlink_many(session, _pairs(session, options)))


def _pairs(session: Session, options: Options) -> list[tuple[str, str]]:
    """The cards that `--ids` names, each with what it waits for. Raises `UsageError`."""
    pairs = [
        (each["id"], each.get("on", options.dependency_id))
        for each in _asked(session, options, "id", "on")
    ]
    if any(on is None for _, on in pairs):
        raise UsageError('say what the cards wait for: --to, or "on" in each line of --ids -')
    return pairs


def _ids(session: Session, options: Options) -> list[str]:
    """The ids that `--ids` names. Raises `UsageError`."""
    return [each["id"] for each in _asked(session, options, "id")]


def _held(session: Session, options: Options, report: Report | None = None) -> list[Held]:
    """The cards that `--ids` names, each in its attempt.

    What is said of each is `report`, or what its line says instead; None: nothing can be said.
    Raises `UsageError`.
    """
    if options.attempt is not None:
        raise UsageError("--attempt is about one card: with --ids -, each line has its own")
    own = CALLER.get().environ.get("BACKLOG_CARD_ID", "").strip()
    keys = () if report is None else ("summary", "result", "tokens", "cost")
    cards = []
    for said in _asked(session, options, "id", "attempt", *keys):
        card_id, attempt = said.pop("id"), said.pop("attempt", None)
        if attempt is None and card_id == own:
            attempt = attempt_of(card_id)
        cards.append(Held(card_id, attempt, (report or NOTHING_SAID)._replace(**said)))
    return cards


def _asked(session: Session, options: Options, *keys: str) -> list[dict[str, Any]]:
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
    if options.allow is not None:
        options.allow(each["id"] for each in said)
    return said


def _answer(outcomes: Sequence[Outcome[Record]], shown: Callable[[Record], str] = to_line) -> Reply:
    """An outcome for each card. The exit status is 0 if all went, 4 if a claim was lost."""
    refused = [each.refusal for each in outcomes if each.refusal is not None]
    kinds = (ClaimLost, StoreUnavailable, Refusal)
    found = [kind for kind in kinds if any(isinstance(refusal, kind) for refusal in refused)]
    lines = [_line(each, shown) for each in outcomes] or ["(none)"]
    status = found[0].exit_status if found else 0
    return Reply([f"[{','.join(map(_json, outcomes))}]\n"], lines, status)


def _json(outcome: Outcome[Record]) -> str:
    card_id, card, refusal = outcome
    if refusal is None:
        return f'{{"id":{json_text(card_id)},"card":{to_json(card)}}}'
    error = json_text({"code": refusal.code, "message": one_line(refusal)})
    return f'{{"id":{json_text(card_id)},"error":{error}}}'


def _line(outcome: Outcome[Record], shown: Callable[[Record], str]) -> str:
    card_id, card, refusal = outcome
    if refusal is None:
        return shown(existing(card_id, card))
    return one_line(card_id, f"[{refusal.code}]", refusal)
