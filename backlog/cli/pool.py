"""`stats`, `explain`."""

import sys
from typing import TYPE_CHECKING

from backlog import values
from backlog.cli.options import CLAIMED_ID, Options, flag, text, verb
from backlog.cli.reply import Reply, document
from backlog.errors import UsageError
from backlog.lifecycle import IN_REVIEW
from backlog.records import iso, row, to_json
from backlog.session import Session
from backlog.shown import named
from backlog.values import json_text
from backlog.verbs import pool

if TYPE_CHECKING:
    from backlog.verbs.spend import Number, Spend


def _about_spend(options: Options) -> None:
    if options.phase is not None and not options.spend:
        raise UsageError("--phase is about what cards took: --spend")


@verb(
    "stats",
    "counts, oldest ready age, expired claims",
    flag("--spend", "instead: tokens and cost, projected and taken, by phase, role and worker"),
    text("--phase", values.line, "with --spend: of the cards of this phase"),
    check=_about_spend,
)
def stats(session: Session, options: Options) -> Reply:
    if options.spend:
        return _spend(session, options)
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
    answer = {
        "counts": found.counts,
        "total": found.total,
        "oldestReadyAgeSeconds": age,
        "expiredClaimCount": found.expired_claim_count,
        **({"archived": found.archived} if found.archived else {}),
    }
    return document(answer, text)


@verb("explain", "claimable, or exactly what it waits for", CLAIMED_ID)
def explain(session: Session, options: Options) -> Reply:
    found = pool.explain(session, options.card_id)
    lists = {"unfinished": found.unfinished, "blocked": found.blocked, "missing": found.missing}
    state = "claimable" if found.claimable else found.status
    if state == "ready":
        state = "waiting"
    text = [row(f"{found.id}: {state}")]
    if found.block_reason:
        note = f" ({found.block_note})" if found.block_note else ""
        text.append(row(f"blocked for: {found.block_reason}{note}"))
    if found.block_reason == IN_REVIEW:
        still = ", ".join(map(str, found.open_criteria))
        text.append(f"not passed yet: criteria {still}" if still else "all has passed: complete it")
    text += [f"{kind}: {named(ids)}" for kind, ids in lists.items() if ids]
    until = found.not_before and iso(found.not_before)
    text += [f"not before: {until}"] if until else []
    text += (
        ["a draft: not claimed before it is published (edit --draft off)"] if found.draft else []
    )
    text += [row(f"paused: {pause} ({pause.reason})") for pause in found.pauses]
    text += [row(f"at its limit: {limit} ({limit.used} of {limit.most})") for limit in found.limits]
    text += [row(f"its budget is spent: {budget}") for budget in found.spent]
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
        "spent": [str(budget) for budget in found.spent],
        "openCriteria": found.open_criteria,
    }
    return document(answer, text)


def _spend(session: Session, options: Options) -> Reply:
    from backlog.verbs.spend import spending

    found = spending(session, options.phase)
    tables = {"phase": found.phases, "role": found.roles, "owner": found.owners}
    parts = [
        f'"{kind}s":[{",".join(_json(each, kind, name) for name, each in rows.items())}]'
        for kind, rows in tables.items()
    ]
    lines = [
        _line(f"{kind} {name or '-'}", each)
        for kind, rows in tables.items()
        for name, each in rows.items()
    ]
    answer = f'{{{",".join(parts)},"total":{_json(found.total)}}}\n'
    return Reply([answer], [*lines, _line("total", found.total)])


def _json(each: "Spend", kind: str = "", name: str | None = None) -> str:
    numbers = to_json(each)
    return f'{{"{kind}":{json_text(name)},{numbers[1:]}' if kind else numbers


def _line(who: str, each: "Spend") -> str:
    words = ("projected", "unfinished", "took", "difference")
    pairs = zip(words, each[::2], each[1::2], strict=True)
    said = [f"{word}: tokens={_said(tokens)} cost={_said(cost)}" for word, tokens, cost in pairs]
    return row(who, *said)


def _said(number: "Number") -> str:
    from backlog.verbs.budgets import written

    return "-" if number is None else written(number)
