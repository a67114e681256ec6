"""What needs an operator: cards that never go on by themselves, and what holds claims back; each
with the command that lets it go on."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any, Final, NamedTuple

from backlog import lifecycle
from backlog.lifecycle import FLEET, why_blocked
from backlog.session import Session, in_pages
from backlog.verbs import check, overdue, rules
from backlog.verbs.budgets import running_out
from backlog.verbs.findings import Finding, command, literal, psql
from backlog.verbs.kept import Kept, is_large, kept
from backlog.verbs.stuck import CYCLE, MISSING, Stuck, stuck

BLOCKED: Final = lifecycle.BLOCKED
EXHAUSTED: Final = "exhausted"
WAITING: Final = "waiting"
EXPIRED: Final = "expired"
PAUSED: Final = "paused"
LIMIT: Final = "limit"
BUDGET: Final = lifecycle.BUDGET
DRIFT: Final = "drift"
BEYOND: Final = "beyond"

# In the order in which findings are listed: causes before what they hold up.
KINDS: Final = (
    *(BLOCKED, EXHAUSTED, CYCLE, MISSING, WAITING, EXPIRED),
    *(overdue.OVERRUN, overdue.LATE, overdue.REVIEW),
    *(PAUSED, LIMIT, BUDGET, overdue.DRAFT, DRIFT, BEYOND),
)

# What a sweep keeps of it; as many findings of a kind; as many cards are counted behind a pause.
NAME: Final = "doctor"
FEW: Final = 100
MANY: Final = 100_000


class Diagnosis(NamedTuple):
    """What is wrong, causes first; of a large backlog the first findings of each kind.

    `more` says how many more there are, by kind. `at` is when it was looked at what takes long:
    cycles, what waits in vain, what is derived wrongly. None: not lately, so that is not known.
    """

    findings: list[Finding]
    more: dict[str, int]
    at: datetime | None
    is_large: bool

    @property
    def ok(self) -> bool:
        """All goes on by itself, as far as that is known; whether it is, is known as well."""
        return not self.findings and not self.more and self.at is not None


def doctor(session: Session) -> Diagnosis:
    """What needs an operator, at once: what takes long in a large backlog, as a sweep saw it last.

    Of that, what has changed since is left out. Reads only.
    """
    if not is_large(session):
        (now,) = session.execute("SELECT now()").fetchone()
        return Diagnosis(list(everything(session)), {}, now, is_large=False)
    seen = kept(session, NAME)
    totals, holds_up, lasting = _of(seen)
    still = _unchanged(session, lasting, seen.at) if seen else []
    totals.subtract(Counter(each.kind for each in lasting))
    totals.update(Counter(each.kind for each in still))
    found = [*still, *_paused(session), *_limited(session), *running_out(session)]
    for kind, those in _FOUND_AT_ONCE.items():
        first = [each._replace(holds_up=holds_up.get(each.id)) for each in those(session, FEW)]
        found += first
        if len(first) == FEW:
            sql = f"SELECT count(*) FROM backlog WHERE {_OF_KIND[kind]}"
            totals[kind] = session.execute(sql).fetchone()[0]
    found.sort(key=lambda each: KINDS.index(each.kind))
    totals.subtract(Counter(each.kind for each in found))
    more = {kind: totals[kind] for kind in KINDS if totals[kind] > 0}
    return Diagnosis(found, more, seen.at if seen else None, is_large=True)


def _of(seen: Kept | None) -> tuple[Counter[str], dict[str | None, int], list[Finding]]:
    """What `look` kept: how many of each kind, what blocked cards hold up, the first findings."""
    if seen is None:
        return Counter(), {}, []
    totals, holds_up, first = seen.content
    return Counter(totals), holds_up, [Finding(**each) for each in first]


def look(session: Session) -> Any:
    """What `doctor` asks of a sweep, as JSON: what takes long to find, the first of each kind."""
    totals, holds_up, first = Counter[str](), {}, []
    for each in everything(session):
        totals[each.kind] += 1
        if totals[each.kind] > FEW:
            continue
        if each.kind in (BLOCKED, EXHAUSTED):
            holds_up[each.id] = each.holds_up
        elif each.kind in _LASTING:
            first.append(each._asdict())
    return {kind: totals[kind] for kind in _LASTING}, holds_up, first


_LASTING: Final = (CYCLE, MISSING, WAITING, overdue.LATE, overdue.DRAFT, DRIFT, BEYOND)


def everything(session: Session) -> Iterator[Finding]:
    """Every finding, causes first; none: all goes on by itself. Reads only, and every card.

    What waits for what waits is held in memory, findings are not.
    """
    vain = stuck(session)
    holds_up = Counter(each.root for each in vain if each.id != each.root)
    exhausted = set()
    yield from _blocked(session, BLOCKED, holds_up=holds_up)
    for each in _blocked(session, EXHAUSTED, holds_up=holds_up):
        exhausted.add(each.id)
        yield each
    vain.sort(key=lambda each: KINDS.index(_kind(each)))  # what waits stays behind its cause
    yield from _waiting(vain, exhausted)
    for found in (_expired, overdue.overrun, overdue.late, overdue.long_in_review):
        yield from found(session)
    for found in (_paused, _limited, running_out, overdue.old_drafts):
        yield from found(session)
    yield from (_DERIVED[part](*row) for part, row in check.differences(session))


def _unchanged(session: Session, found: list[Finding], at: datetime) -> list[Finding]:
    """Those that say of cards, and of what does not exist, what was not changed since."""
    ids = {id for each in found for id in (each.id, each.because) if id is not None}
    sql = "SELECT id, updated_at <= %s FROM backlog WHERE id = ANY (%s)"
    same = dict(session.execute(sql, (at, list(ids))))

    def stands(each: Finding) -> bool:
        if each.kind in (DRIFT, BEYOND):  # mended by what need not change the card
            return True
        cause = each.because
        still = cause not in same if each.reason == MISSING else same.get(cause, False)
        return same.get(each.id, False) and still

    return [each for each in found if stands(each)]


_OF_KIND: Final = {
    BLOCKED: "status = 'blocked' AND block_reason NOT IN ('attempts_exhausted', 'in_review')",
    EXHAUSTED: "status = 'blocked' AND block_reason = 'attempts_exhausted'",
    EXPIRED: "claim_expires_at <= now()",
    overdue.OVERRUN: overdue.TOO_LONG.format(grace=0),
    overdue.REVIEW: overdue.LONG_IN_REVIEW,
}


def _blocked(
    session: Session, kind: str, limit: int | None = None, holds_up: Counter[str] | None = None
) -> Iterator[Finding]:
    sql = f"""
        SELECT id, block_reason, block_note, block_count FROM backlog
        WHERE {_OF_KIND[kind]} ORDER BY id LIMIT %s"""
    for card, reason, note, count in in_pages(session, sql, (limit,)):
        yield Finding(
            kind,
            f"blocked: {why_blocked(reason, note)}",
            command("unblock", "--id", card),
            id=card,
            reason=reason,
            note=note,
            count=count,
            holds_up=None if holds_up is None else holds_up[card],
        )


def _kind(each: Stuck) -> str:
    if each.id == each.root:
        return CYCLE
    return MISSING if each.kind == MISSING and each.through == each.root else WAITING


def _waiting(vain: list[Stuck], exhausted: set[str | None]) -> Iterator[Finding]:
    outs: dict[str, str] = {}
    for card, kind, root, through in vain:
        direct = through == root
        if kind == BLOCKED:
            out = command("unblock", "--id", root)
        elif card == root or (kind == MISSING and direct):
            out = command("unlink", "--from", card, "--to", through)
        else:
            out = outs[through]
        outs[card] = out
        if card == root:
            message = f"on a cycle: it waits for {through}, which waits for it"
            yield Finding(CYCLE, message, out, id=card, because=through)
            continue
        reason = EXHAUSTED if root in exhausted else kind
        yield Finding(
            MISSING if kind == MISSING and direct else WAITING,
            f"waits for {root}, which {_IS[reason]}"
            + ("" if direct else f"; directly for {through}"),
            out,
            id=card,
            because=root,
            reason=reason,
        )


_IS: Final = {
    BLOCKED: "is blocked",
    EXHAUSTED: "has no attempts left",
    MISSING: "does not exist",
    CYCLE: "is on a cycle",
}


def _expired(session: Session, limit: int | None = None) -> Iterator[Finding]:
    sql = f"""
        SELECT id, claim_owner FROM backlog WHERE {_OF_KIND[EXPIRED]}
        ORDER BY claim_expires_at, id LIMIT %s"""
    for card, owner in in_pages(session, sql, (limit,)):
        message = f"the lease of {owner} is over"
        yield Finding(EXPIRED, message, command("reclaim"), id=card, scope="owner", name=owner)


_FOUND_AT_ONCE: Final[dict[str, Callable[[Session, int], Iterator[Finding]]]] = {
    BLOCKED: lambda session, most: _blocked(session, BLOCKED, most),
    EXHAUSTED: lambda session, most: _blocked(session, EXHAUSTED, most),
    EXPIRED: _expired,
    overdue.OVERRUN: overdue.overrun,
    overdue.REVIEW: overdue.long_in_review,
}


def _paused(session: Session) -> Iterator[Finding]:
    for pause in rules.pauses(session):
        count = _claimable(session, pause.scope, pause.name)
        if count:
            yield Finding(
                PAUSED,
                f"paused by {pause.actor}: {pause.reason}; {_amount(count)} claimable",
                command("resume", *_named(pause.scope, pause.name)),
                scope=pause.scope,
                name=pause.name or None,
                reason=pause.reason,
                note=pause.actor,
                count=count,
            )


def _limited(session: Session) -> Iterator[Finding]:
    """Limits that let nobody claim, and no work of theirs goes on that would change it."""
    for limit in rules.limits(session):
        count = _claimable(session, limit.scope, limit.name)
        if limit.room or not count or _at_work(session, limit.scope, limit.name):
            continue
        by_claims = limit.scope != "review"
        freed = by_claims and limit.most
        out = command("reclaim") if freed else command("unlimit", *_named(*limit[:2]))
        used = f"{limit.used} of {limit.most} {limit.counts}"
        live = ", none of them live" if by_claims else ""
        yield Finding(
            LIMIT,
            f"at its limit, {used}{live}; {_amount(count)} claimable",
            out,
            scope=limit.scope,
            name=limit.name or None,
            note=used,
            count=count,
        )


def _claimable(session: Session, scope: str, name: str) -> int:
    """How many claimable cards the scope holds back, up to `MANY`; an owner could take any."""
    condition, params = rules.cards_of(FLEET if scope == "owner" else scope, name)
    sql = f"SELECT FROM backlog WHERE claimable{condition} LIMIT {MANY}"
    return int(session.execute(f"SELECT count(*) FROM ({sql}) AS found", params).fetchone()[0])


def _amount(count: int) -> str:
    return str(count) if count < MANY else f"{count} or more"


def _at_work(session: Session, scope: str, name: str) -> bool:
    condition, params = rules.cards_of(scope, name)
    sql = f"SELECT EXISTS (SELECT FROM backlog WHERE claim_expires_at > now(){condition})"
    return bool(session.execute(sql, params).fetchone()[0])


_MENDED: Final = {
    check.WRONG_EXPIRY: "UPDATE backlog SET claimed_at = claimed_at WHERE id = {}",
    check.NEVER_LET_GO: "UPDATE backlog SET not_before = not_before WHERE id = {}",
    check.NO_WORDS: "INSERT INTO backlog_search (card_id) VALUES ({})",
    check.NO_CARD: "DELETE FROM backlog_search WHERE card_id = {}",
}


# What the database derives and is wrong about: only a statement of SQL puts it right.
def _count(card: str, kept: int, counted: int) -> Finding:
    message = f"counts {kept} open dependencies, has {counted}"
    sql = f"UPDATE backlog SET depends_on = depends_on WHERE id = {literal(card)}"
    return Finding(DRIFT, message, psql(sql), id=card)


def _edge(card: str, needed: str, problem: str) -> Finding:
    pair = f"{literal(card)}, {literal(needed)}"
    sql = {
        "stray": f"DELETE FROM backlog_dependency WHERE (card_id, dependency_id) = ({pair})",
        "missing": f"INSERT INTO backlog_dependency (card_id, dependency_id) VALUES ({pair})",
        "untold": f"UPDATE backlog SET has_dependents = true WHERE id = {literal(needed)}",
    }[problem]
    return Finding(DRIFT, f"{problem} edge to {needed}", psql(sql), id=card, because=needed)


def _claim(card: str, problem: str) -> Finding:
    return Finding(DRIFT, problem, psql(_MENDED[problem].format(literal(card))), id=card)


_LOOK: Final = {
    "backlog": ("show", "--id"),
    "backlog_ended_run": ("runs", "--id"),
    "backlog_deleted": ("history", "--id"),
}


def _beyond(table: str, name: str, problem: str) -> Finding:
    """What stops nobody, and takes no change but one that makes it shorter: where to look."""
    if table in _LOOK:
        return Finding(BEYOND, problem, command(*_LOOK[table], name), id=name)
    out = command("limits") if name else psql(f"SELECT max(id) FROM {table}")
    return Finding(BEYOND, problem, out, scope=table, name=name)


_DERIVED: Final[dict[str, Callable[..., Finding]]] = {
    "counts": _count,
    "edges": _edge,
    "claims": _claim,
    "words": _claim,
    "limits": _beyond,
}


def _named(scope: str, name: str) -> list[str]:
    others = {FLEET: [], "review": ["--phase", name, "--in-review"]}
    return others.get(scope, [f"--{scope}", name])
