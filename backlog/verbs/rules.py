"""What holds claims back on purpose: pauses, and limits on work in progress."""

from datetime import datetime
from typing import Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, UsageError
from backlog.lifecycle import FLEET, LIMIT_SCOPES, PAUSE_SCOPES
from backlog.session import ACTOR, Session, in_transaction

# Claims under a limit come one after the other, so that each counts those before it.
_LIMITS_LOCK: Final = """
SELECT pg_advisory_xact_lock(1650549611, -3) FROM backlog_rule WHERE kind = 'limit' LIMIT 1"""

_WHO: Final = "coalesce(nullif(%s, ''), session_user)"

# What is claimed is read once, however many limits there are, and not at all without any.
_RULES: Final = """
WITH claimed AS MATERIALIZED (
    SELECT phase, claim_owner, count(*) AS cards FROM backlog
    WHERE claimed_at IS NOT NULL GROUP BY phase, claim_owner
)
SELECT kind, scope, name, reason, most, actor, since, CASE kind WHEN 'limit' THEN coalesce((
    SELECT sum(cards) FROM claimed
    WHERE CASE scope WHEN 'phase' THEN phase ELSE claim_owner END = name), 0)::int END
FROM backlog_rule WHERE kind IN ('pause', 'limit') ORDER BY since, scope, name"""


class Pause(NamedTuple):
    """Nothing of this scope is claimed. `name`: of the phase or the owner; empty for the fleet."""

    scope: str
    name: str
    reason: str
    actor: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.scope} {self.name}".strip()


class Limit(NamedTuple):
    """At most `most` cards of the phase or owner `name` are claimed at once; `used` are now."""

    scope: str
    name: str
    most: int
    used: int
    actor: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.scope} {self.name}"

    @property
    def room(self) -> int:
        """How many more may be claimed."""
        return max(0, self.most - self.used)


@in_transaction
def pause(session: Session, scope: str, name: str, reason: str) -> Pause:
    """From now on no claim takes a card of this scope; what is claimed goes on.

    `scope` is one of `lifecycle.PAUSE_SCOPES`; `name` is empty for the fleet. If it is paused, it
    has the new reason. Raises `UsageError`.
    """
    sql = f"""
        INSERT INTO backlog_rule (kind, scope, name, reason, actor)
        VALUES ('pause', %s, %s, %s, {_WHO})
        ON CONFLICT (kind, scope, name) DO UPDATE SET
            reason = excluded.reason, actor = excluded.actor, since = excluded.since
        RETURNING scope, name, reason, actor, since"""
    params = (*_scope(scope, name, PAUSE_SCOPES), values.line(reason, "reason"), ACTOR.get())
    return Pause._make(session.execute(sql, params).fetchone())


@in_transaction
def resume(session: Session, scope: str, name: str) -> Pause | None:
    """Claims take cards of this scope again; the pause that was, None if there was none."""
    sql = """
        DELETE FROM backlog_rule WHERE kind = 'pause' AND scope = %s AND name = %s
        RETURNING scope, name, reason, actor, since"""
    row = session.execute(sql, _scope(scope, name, PAUSE_SCOPES)).fetchone()
    return Pause._make(row) if row else None


def pauses(session: Session, phase: str | None = None, owner: str | None = None) -> list[Pause]:
    """What is paused, oldest first; with a phase or an owner, what holds that one back."""
    sql = """
        SELECT scope, name, reason, actor, since FROM backlog_rule
        WHERE kind = 'pause' AND (scope = 'fleet' OR (%s::text IS NULL AND %s::text IS NULL)
            OR (scope, name) IN (('phase', %s), ('owner', %s)))
        ORDER BY since, scope, name"""
    rows = session.execute(sql, (phase, owner, phase, owner)).fetchall()
    return [Pause._make(row) for row in rows]


@in_transaction
def limit(session: Session, scope: str, name: str, most: int) -> Limit:
    """At most `most` cards of this phase or owner are claimed from now on; none is taken back.

    `scope` is one of `lifecycle.LIMIT_SCOPES`. Raises `UsageError`.
    """
    session.execute(
        f"""
        INSERT INTO backlog_rule (kind, scope, name, most, actor)
        VALUES ('limit', %s, %s, %s, {_WHO})
        ON CONFLICT (kind, scope, name) DO UPDATE SET
            most = excluded.most, actor = excluded.actor, since = excluded.since""",
        (*_scope(scope, name, LIMIT_SCOPES), values.count(most, "max"), ACTOR.get()),
    )
    return next(each for each in limits(session) if (each.scope, each.name) == (scope, name))


@in_transaction
def unlimit(session: Session, scope: str, name: str) -> None:
    """As many cards of this scope as there are may be claimed again. Raises `NotFound`."""
    sql = "DELETE FROM backlog_rule WHERE kind = 'limit' AND scope = %s AND name = %s"
    if not session.execute(sql, _scope(scope, name, LIMIT_SCOPES)).rowcount:
        raise NotFound(f"there is no limit on {scope} {name}")


def limits(session: Session) -> list[Limit]:
    """Every limit, and how much of it is used."""
    return list(in_force(session).limits)


class Rules(NamedTuple):
    """All that holds claims back: pauses, oldest first, and limits."""

    pauses: tuple[Pause, ...] = ()
    limits: tuple[Limit, ...] = ()

    def of_phase(self, phase: str | None) -> tuple[Pause | None, Limit | None]:
        """The pause and the limit of this phase; not those of the fleet or of a worker."""
        key = ("phase", phase)
        return (
            next((each for each in self.pauses if (each.scope, each.name) == key), None),
            next((each for each in self.limits if (each.scope, each.name) == key), None),
        )


def in_force(session: Session) -> Rules:
    """Every pause and every limit, read by one statement."""
    pauses, limits = [], []
    for kind, scope, name, reason, most, actor, since, used in session.execute(_RULES).fetchall():
        if kind == "pause":
            pauses.append(Pause(scope, name, reason, actor, since))
        else:
            limits.append(Limit(scope, name, most, used, actor, since))
    return Rules(tuple(pauses), tuple(sorted(limits)))


def locked_limits(session: Session) -> list[Limit]:
    """Every limit and how much of it is used; no other claim counts until the transaction ends."""
    session.execute(_LIMITS_LOCK)
    return limits(session)


def _scope(scope: str, name: str, known: tuple[str, ...]) -> tuple[str, str]:
    if scope not in known:
        raise UsageError(f"scope must be one of {', '.join(known)}, not {scope}")
    if scope == FLEET:
        if name:
            raise UsageError("the fleet has no name")
        return scope, name
    return scope, values.line(name, scope)
