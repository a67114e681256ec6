"""What needs an operator: cards that never go on by themselves, and what holds claims back; each
with the command that lets it go on."""

import shlex
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from backlog import lifecycle
from backlog.lifecycle import FLEET
from backlog.session import Session
from backlog.verbs import check, rules
from backlog.verbs.stuck import CYCLE, MISSING, Stuck, stuck

BLOCKED: Final = lifecycle.BLOCKED
EXHAUSTED: Final = "exhausted"
WAITING: Final = "waiting"
EXPIRED: Final = "expired"
PAUSED: Final = "paused"
LIMIT: Final = "limit"
DRIFT: Final = "drift"
BEYOND: Final = "beyond"

# In the order in which findings are listed: causes before what they hold up.
KINDS: Final = (
    BLOCKED,
    EXHAUSTED,
    CYCLE,
    MISSING,
    WAITING,
    EXPIRED,
    PAUSED,
    LIMIT,
    DRIFT,
    BEYOND,
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is wrong: with the card `id`, or with what `scope` and `name` say.

    `because` is the card (or the missing id) at the root of it, `reason` what is the matter with
    that; `count` is how often (a block), or how many cards (a pause, a limit); `holds_up` how many
    stuck cards have their root here. `way_out` is a command for the shell.
    """

    kind: str
    message: str
    way_out: str
    id: str | None = None
    scope: str | None = None
    name: str | None = None
    because: str | None = None
    reason: str | None = None
    note: str | None = None
    count: int | None = None
    holds_up: int | None = None


def doctor(session: Session) -> list[Finding]:
    """Every finding, causes first; none: all goes on by itself. Reads only."""
    vain = stuck(session)
    blocked = _blocked(session, Counter(each.root for each in vain if each.id != each.root))
    exhausted = {finding.id for finding in blocked if finding.kind == EXHAUSTED}
    recounted = check.recount(session)
    found = [
        *blocked,
        *_waiting(vain, exhausted),
        *_expired(session),
        *_paused(session),
        *_limited(session),
        *_drifted(recounted),
        *_beyond(recounted),
    ]
    return sorted(found, key=lambda finding: KINDS.index(finding.kind))


def _blocked(session: Session, holds_up: Counter[str]) -> list[Finding]:
    sql = """
        SELECT id, block_reason, block_note, block_count FROM backlog
        WHERE status = 'blocked' ORDER BY id"""
    return [
        Finding(
            EXHAUSTED if reason == "attempts_exhausted" else BLOCKED,
            f"blocked: {': '.join(filter(None, (reason, note)))}",
            command("unblock", "--id", card),
            id=card,
            reason=reason,
            note=note,
            count=count,
            holds_up=holds_up[card],
        )
        for card, reason, note, count in session.execute(sql).fetchall()
    ]


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


def _expired(session: Session) -> Iterator[Finding]:
    sql = """
        SELECT id, claim_owner FROM backlog WHERE claim_expires_at <= now()
        ORDER BY claim_expires_at, id"""
    for card, owner in session.execute(sql).fetchall():
        message = f"the lease of {owner} is over"
        yield Finding(EXPIRED, message, command("reclaim"), id=card, scope="owner", name=owner)


def _paused(session: Session) -> Iterator[Finding]:
    for pause in rules.pauses(session):
        count = _claimable(session, pause.scope, pause.name)
        if count:
            yield Finding(
                PAUSED,
                f"paused by {pause.actor}: {pause.reason}; {count} claimable",
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
        out = command("reclaim") if limit.most else command("unlimit", *_named(*limit[:2]))
        used = f"{limit.used} of {limit.most} claims"
        yield Finding(
            LIMIT,
            f"at its limit, {used}, none of them live; {count} claimable",
            out,
            scope=limit.scope,
            name=limit.name,
            note=used,
            count=count,
        )


def _claimable(session: Session, scope: str, name: str) -> int:
    """How many claimable cards the scope holds back; an owner could take any."""
    condition, params = (" AND phase = %s", (name,)) if scope == "phase" else ("", ())
    sql = f"SELECT count(*) FROM backlog WHERE claimable{condition}"
    return int(session.execute(sql, params).fetchone()[0])


def _at_work(session: Session, scope: str, name: str) -> bool:
    column = "phase" if scope == "phase" else "claim_owner"
    sql = f"SELECT EXISTS (SELECT FROM backlog WHERE claim_expires_at > now() AND {column} = %s)"
    return bool(session.execute(sql, (name,)).fetchone()[0])


_MENDED: Final = {
    check.WRONG_EXPIRY: "UPDATE backlog SET claimed_at = claimed_at WHERE id = {}",
    check.NEVER_LET_GO: "UPDATE backlog SET not_before = not_before WHERE id = {}",
}


def _drifted(found: check.Check) -> Iterator[Finding]:
    """What the database derives and is wrong about: only a statement of SQL puts it right."""
    for card, kept, counted in found.counts:
        message = f"counts {kept} open dependencies, has {counted}"
        sql = f"UPDATE backlog SET depends_on = depends_on WHERE id = {_literal(card)}"
        yield Finding(DRIFT, message, _psql(sql), id=card)
    for card, needed, problem in found.edges:
        pair = f"{_literal(card)}, {_literal(needed)}"
        sql = (
            f"DELETE FROM backlog_dependency WHERE (card_id, dependency_id) = ({pair})"
            if problem == "stray"
            else f"INSERT INTO backlog_dependency (card_id, dependency_id) VALUES ({pair})"
        )
        yield Finding(DRIFT, f"{problem} edge to {needed}", _psql(sql), id=card, because=needed)
    for card, problem in found.claims:
        yield Finding(DRIFT, problem, _psql(_MENDED[problem].format(_literal(card))), id=card)


_LOOK: Final = {
    "backlog": ("show", "--id"),
    "backlog_ended_run": ("runs", "--id"),
    "backlog_deleted": ("history", "--id"),
}


def _beyond(found: check.Check) -> Iterator[Finding]:
    """What stops nobody, and takes no change but one that makes it shorter: where to look."""
    for table, name, problem in found.limits:
        if table in _LOOK:
            yield Finding(BEYOND, problem, command(*_LOOK[table], name), id=name)
        else:
            out = command("limits") if name else _psql(f"SELECT max(id) FROM {table}")
            yield Finding(BEYOND, problem, out, scope=table, name=name)


def _named(scope: str, name: str) -> list[str]:
    return [] if scope == FLEET else [f"--{scope}", name]


def _psql(sql: str) -> str:
    return command("store", "psql", "--", "-c", sql)


def _literal(text: str) -> str:
    """The text in a statement, also where backslashes escape."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in text else "E'" + quoted.replace("\\", "\\\\") + "'"


_TAKE_TEXT: Final = ("--id", "--from", "--to", "--phase", "--owner")


def command(*words: str) -> str:
    """A line for the shell that runs this program; an option's value may begin with a dash."""
    joined: list[str] = ["backlog"]
    for word in words:
        if word.startswith("-") and joined[-1] in _TAKE_TEXT:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return shlex.join(joined)
