"""`stats`, `explain`."""

import sys

from backlog.cli.options import CLAIMED_ID, Options, verb
from backlog.cli.reply import Reply, document
from backlog.records import iso, row, to_json
from backlog.session import Session
from backlog.shown import named
from backlog.verbs import pool


@verb("stats", "counts, oldest ready age, expired claims")
def stats(session: Session, options: Options) -> Reply:
    found = pool.stats(session)
    age = found.oldest_ready_age_seconds
    none = "-" if sys.stdout.isatty() else "-s"  # scripts know it in this form
    text = [
        f"total: {found.total}",
        " ".join(f"{status}={count}" for status, count in found.counts.items()),
        f"oldest-ready-age: {none if age is None else f'{age}s'}",
        f"expired-claims: {found.expired_claim_count}",
        *([f"archived: {found.archived}"] if found.archived else []),
    ]
    return Reply([to_json(found) + "\n"], text)


@verb("explain", "claimable, or exactly what it waits for", CLAIMED_ID)
def explain(session: Session, options: Options) -> Reply:
    found = pool.explain(session, options.card_id)
    lists = {
        "unfinished": found.unfinished,
        "blocked": found.blocked,
        "missing": found.missing,
    }
    state = "claimable" if found.claimable else found.status
    if state == "ready":
        state = "waiting"
    text = [row(f"{found.id}: {state}")]
    if found.block_reason:
        note = f" ({found.block_note})" if found.block_note else ""
        text.append(row(f"blocked for: {found.block_reason}{note}"))
    text += [f"{kind}: {named(ids)}" for kind, ids in lists.items() if ids]
    until = found.not_before and iso(found.not_before)
    text += [f"not before: {until}"] if until else []
    text += (
        ["a draft: not claimed before it is published (edit --draft off)"] if found.draft else []
    )
    text += [row(f"paused: {pause} ({pause.reason})") for pause in found.pauses]
    text += [row(f"at its limit: {limit} ({limit.used} of {limit.most})") for limit in found.limits]
    answer = {
        "id": found.id,
        "status": found.status,
        "claimable": found.claimable,
        **lists,
        "notBefore": until,
        "paused": [str(pause) for pause in found.pauses],
        "atLimit": [str(limit) for limit in found.limits],
        "blockReason": found.block_reason,
        "blockNote": found.block_note,
        "draft": found.draft,
    }
    return document(answer, text)
