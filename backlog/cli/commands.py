"""One function a verb: options in, a call of the domain, a `Reply` out."""

import sys
from argparse import Namespace
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from backlog import values
from backlog.cli.reply import Reply, document
from backlog.errors import UsageError
from backlog.lifecycle import AT_LIMIT, DEFAULT_TTL_SECONDS, EMPTY, PAUSED
from backlog.records import WIRE_NAMES, Record, iso, to_json, to_line
from backlog.session import Session
from backlog.verbs import cards, check, claims, moves, pool
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report

# The exit status of a claim that took nothing, if it is asked for.
NOTHING_TAKEN: Final = {EMPTY: 3, PAUSED: 6, AT_LIMIT: 7}


def split_ids(value: str) -> list[str]:
    """Comma-separated ids."""
    return values.dependencies(values.text(value, "--depends-on").split(","))


def read_acceptance(value: str) -> str | None:
    """JSON text of the criteria."""
    return values.acceptance(value)


def read_max_attempts(value: str) -> int | None:
    """A number of attempts; None, the default, if it is blank."""
    return values.integer(value, "--max-attempts", 0) if value.strip() else None


def read_not_before(value: str) -> datetime | None:
    """A time; None if it is blank."""
    return values.moment(value, "--not-before") if value.strip() else None


def _card(card: Record | None, status: int = 0) -> Reply:
    return Reply([to_json(card) + "\n"], [to_line(card) if card else "(none)"], status)


def _given_fields(options: Namespace) -> dict[str, Any]:
    return {name: getattr(options, name) for name in values.FIELDS if name in options}


def create(session: Session, options: Namespace) -> Reply:
    return _card(cards.create(session, options.card_id, **_given_fields(options)))


def list_cards(session: Session, options: Namespace) -> Reply:
    found = cards.list_cards(session, options.status, options.phase, options.ready_only)
    return Reply(_array(found), map(to_line, found) if found else ["(no cards)"])


def _array(found: list[Record]) -> Iterator[str]:
    # In pieces: a long list need not stand in memory twice.
    yield "[" + (to_json(found[0]) if found else "")
    yield from ("," + to_json(card) for card in found[1:])
    yield "]\n"


def claim(session: Session, options: Namespace) -> Reply:
    narrowed = (options.phase, options.role, options.count, options.wait)
    if options.card_id and narrowed != (None, None, None, None):
        raise UsageError("--id names the card: leave out --phase, --role, --count and --wait")
    taken = claims.claim(
        session,
        options.owner,
        options.ttl,
        Pool(options.phase, options.role),
        options.count or 1,
        card_id=options.card_id,
        wait=options.wait or 0,
    )
    status = NOTHING_TAKEN[taken.why] if taken.why and options.exit_code else 0
    if options.count is None:
        return _card(taken.card, status)
    text = map(to_line, taken.cards) if taken.cards else ["(none)"]
    return Reply(_array(taken.cards), text, status)


def reclaim(session: Session, options: Namespace) -> Reply:
    if options.card_id is None:
        ids = moves.reclaim(session)
    else:
        ids = moves.reclaim_card(session, options.card_id)
    text = f"reclaimed: {', '.join(ids)}" if ids else "(nothing to reclaim)"
    return Reply(document({"reclaimed": ids}), [text])


def link(session: Session, options: Namespace) -> Reply:
    return _card(cards.link(session, options.card_id, options.dependency_id))


def unlink(session: Session, options: Namespace) -> Reply:
    return _card(cards.unlink(session, options.card_id, options.dependency_id))


def stats(session: Session, options: Namespace) -> Reply:
    found = pool.stats(session)
    age = found.oldest_ready_age_seconds
    answer = {
        "counts": found.counts,
        "total": found.total,
        "oldestReadyAgeSeconds": age,
        "expiredClaimCount": found.expired_claim_count,
    }
    text = [
        f"total: {found.total}",
        " ".join(f"{status}={count}" for status, count in found.counts.items()),
        f"oldest-ready-age: {'-' if age is None else age}s",
        f"expired-claims: {found.expired_claim_count}",
    ]
    return Reply(document(answer), text)


def complete(session: Session, options: Namespace) -> Reply:
    claim_it = (options.card_id, options.owner, options.attempt)
    if not options.claim_next:
        if (options.ttl, options.phase, options.role) != (None, None, None):
            raise UsageError("--ttl, --phase and --role are about the next card: --claim-next")
        return _card(moves.complete(session, *claim_it, report=_report(options)))
    if options.owner is None:
        raise UsageError("--claim-next needs the --owner who claims")
    done, taken = claims.complete_and_claim(
        session,
        *claim_it,
        ttl=options.ttl or DEFAULT_TTL_SECONDS,
        pool=Pool(options.phase, options.role),
        report=_report(options),
    )
    following = taken.card
    return Reply(
        [f'{{"completed":{to_json(done)},"claimed":{to_json(following)}}}\n'],
        [to_line(done), to_line(following) if following else "(none)"],
    )


def _report(options: Namespace) -> Report:
    return Report(options.summary, options.result, options.tokens, options.cost)


def block(session: Session, options: Namespace) -> Reply:
    return _card(
        moves.block(
            session,
            options.card_id,
            options.owner,
            options.attempt,
            reason=options.reason,
            note=options.note,
            report=_report(options),
        )
    )


def cancel(session: Session, options: Namespace) -> Reply:
    return _card(moves.cancel(session, options.card_id, reason=options.reason))


def unblock(session: Session, options: Namespace) -> Reply:
    return _card(moves.unblock(session, options.card_id))


def reopen(session: Session, options: Namespace) -> Reply:
    return _card(moves.reopen(session, options.card_id))


def release(session: Session, options: Namespace) -> Reply:
    report = _report(options)._replace(
        outcome="failed" if options.failed else None, counted=not options.uncounted
    )
    return _card(
        moves.release(
            session,
            options.card_id,
            options.owner,
            options.attempt,
            delay=options.delay,
            report=report,
        )
    )


def renew(session: Session, options: Namespace) -> Reply:
    return _card(moves.renew(session, options.card_id, options.owner, options.attempt, options.ttl))


def edit(session: Session, options: Namespace) -> Reply:
    fields = _given_fields(options)
    if not fields:
        raise UsageError(
            f"nothing to change: give one of {', '.join(_option(n) for n in values.FIELDS)}"
        )
    return _card(cards.edit(session, options.card_id, **fields))


def _option(field: str) -> str:
    return f"--{field.replace('_', '-')}"


def delete(session: Session, options: Namespace) -> Reply:
    return _card(cards.delete(session, options.card_id, force=options.force))


def show(session: Session, options: Namespace) -> Reply:
    card = cards.show(session, options.card_id)
    details = [
        f"{name.replace('_', '-')}: {getattr(card, name)}"
        for name in WIRE_NAMES
        if getattr(card, name) is not None
    ]
    return Reply([to_json(card) + "\n"], details)


def explain(session: Session, options: Namespace) -> Reply:
    found = pool.explain(session, options.card_id)
    lists = {
        "unfinished": found.unfinished,
        "blocked": found.blocked,
        "missing": found.missing,
    }
    state = "claimable" if found.claimable else found.status
    if state == "ready":
        state = "waiting"
    text = [f"{found.id}: {state}"]
    text += [f"{kind}: {', '.join(ids)}" for kind, ids in lists.items() if ids]
    until = found.not_before and iso(found.not_before)
    text += [f"not before: {until}"] if until else []
    text += [f"paused: {pause} ({pause.reason})" for pause in found.pauses]
    text += [f"at its limit: {limit} ({limit.used} of {limit.most})" for limit in found.limits]
    answer = {
        "id": found.id,
        "status": found.status,
        "claimable": found.claimable,
        **lists,
        "notBefore": until,
        "paused": [str(pause) for pause in found.pauses],
        "atLimit": [str(limit) for limit in found.limits],
    }
    return Reply(document(answer), text)


def check_all(session: Session, options: Namespace) -> Reply:
    found = check.recount(session)
    counts = [{"id": i, "openDependencies": kept, "recounted": n} for i, kept, n in found.counts]
    edges = [{"id": i, "dependency": d, "edge": problem} for i, d, problem in found.edges]
    claims = [{"id": i, "claim": problem} for i, problem in found.claims]
    answer = {
        "ok": found.ok,
        "cards": found.cards,
        "counts": counts,
        "edges": edges,
        "claims": claims,
    }
    text = [f"{i}: counts {kept} open dependencies, has {n}" for i, kept, n in found.counts]
    text += [f"{i}: {problem} edge to {d}" for i, d, problem in found.edges]
    text += [f"{i}: {problem}" for i, problem in found.claims]
    text.append(f"{found.cards} cards, {found.differences} differences")
    return Reply(document(answer), text, 0 if found.ok else 1)


def import_cards(session: Session, options: Namespace) -> Reply:
    from backlog.cli.progress import Progress
    from backlog.verbs import transfer

    lines = _read(options.file)
    with Progress(sys.stderr, len(lines)) as progress:
        done = transfer.import_cards(
            session, lines, update=options.update, dry_run=options.dry_run, progress=progress
        )
    answer = {**done._asdict(), "dryRun": options.dry_run}
    text = ", ".join(f"{kind}: {count}" for kind, count in done._asdict().items())
    return Reply(document(answer), [text + (" (dry run)" if options.dry_run else "")])


def _read(file: str) -> list[bytes]:
    if file == "-":
        return sys.stdin.buffer.readlines()
    try:
        with Path(file).open("rb") as opened:
            return opened.readlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {file}: {reason}") from None
