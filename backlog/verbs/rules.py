"""What holds claims back on purpose: pauses, and limits on work in progress."""

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING, Final, NamedTuple

from backlog import values
from backlog.errors import NotFound, UsageError
from backlog.lifecycle import FLEET, LIMIT_SCOPES, PAUSE_SCOPES
from backlog.session import Session, in_transaction
from backlog.verbs import names

if TYPE_CHECKING:
    from backlog.verbs.budgets import Budget

# Claims under a limit come one after the other, so that each counts those before it.
_LIMITS_LOCK: Final = """
SELECT pg_advisory_xact_lock(1650549611, -3) FROM backlog_rule WHERE kind = 'limit' LIMIT 1"""

# What is claimed is read once, however many limits there are, and not at all without any.
_RULES: Final = """
WITH claimed AS MATERIALIZED (
    SELECT phase, claim_owner, role, count(*) AS cards FROM backlog
    WHERE claim_expires_at IS NOT NULL GROUP BY phase, claim_owner, role
)
SELECT kind, scope, name, reason, most, actor, since, CASE
    WHEN kind = 'limit' AND scope = 'review' THEN (
        SELECT count(*) FROM backlog
        WHERE phase = name AND status = 'blocked' AND block_reason = 'in_review')::int
    WHEN kind = 'limit' THEN coalesce((
        SELECT sum(cards) FROM claimed WHERE CASE scope WHEN 'fleet' THEN '' WHEN 'phase' THEN phase
            WHEN 'role' THEN role ELSE claim_owner END = name), 0)::int END
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
    """At most `most` cards of this scope are claimed at once; `used` are now.

    `name`: of the phase, the owner or the role; empty for the fleet. Of the scope "review" it is a
    phase: nothing of it is claimed while `most` of its cards, or more, are in review; `used` are.
    """

    scope: str
    name: str
    most: int
    used: int
    actor: str
    since: datetime

    def __str__(self) -> str:
        return f"{self.scope} {self.name}".strip()

    @property
    def room(self) -> int:
        """How many more may be claimed."""
        return max(0, self.most - self.used)

    @property
    def counts(self) -> str:
        """What there may be so many of."""
        return "cards in review" if self.scope == "review" else "claims"


@in_transaction
def pause(session: Session, scope: str, name: str, reason: str) -> Pause:
    """From now on no claim takes a card of this scope; what is claimed goes on.

    `scope` is one of `lifecycle.PAUSE_SCOPES`; `name` is empty for the fleet. If it is paused, it
    has the new reason. Raises `UsageError`. See `of_nothing`.
    """
    sql = """
        INSERT INTO backlog_rule (kind, scope, name, reason, actor)
        VALUES ('pause', %s, %s, %s, backlog_actor())
        ON CONFLICT (kind, scope, name) DO UPDATE SET
            reason = excluded.reason, actor = excluded.actor, since = excluded.since
        RETURNING scope, name, reason, actor, since"""
    params = (*_target(session, scope, name, PAUSE_SCOPES), values.line(reason, "reason"))
    return Pause._make(session.execute(sql, params).fetchone())


@in_transaction
def resume(session: Session, scope: str, name: str) -> Pause | None:
    """Claims take cards of this scope again; the pause that was, None if there was none."""
    sql = """
        DELETE FROM backlog_rule WHERE kind = 'pause' AND scope = %s AND name = %s
        RETURNING scope, name, reason, actor, since"""
    row = session.execute(sql, _ruled(session, "pause", scope, name, PAUSE_SCOPES)).fetchone()
    return Pause._make(row) if row else None


def pauses(session: Session, phase: str | None = None, owner: str | None = None) -> list[Pause]:
    """What is paused, oldest first; with a phase or an owner, what holds that one back."""
    sql = """
        SELECT scope, name, reason, actor, since FROM backlog_rule
        WHERE kind = 'pause' AND (scope = 'fleet' OR (%s::text IS NULL AND %s::text IS NULL)
            OR (scope, name) IN (('phase', %s), ('owner', %s)))
        ORDER BY since, scope, name"""
    if phase is not None:
        _, phase = _ruled(session, "pause", "phase", phase, PAUSE_SCOPES)
    if owner is not None:
        _, owner = _ruled(session, "pause", "owner", owner, PAUSE_SCOPES)
    return [Pause._make(row) for row in session.execute(sql, (phase, owner, phase, owner))]


@in_transaction
def limit(session: Session, scope: str, name: str, most: int) -> Limit:
    """At most `most` cards of this scope are claimed from now on; none is taken back.

    `scope` is one of `lifecycle.LIMIT_SCOPES`; `name` is empty for the fleet. See `Limit`. Raises
    `UsageError`.
    """
    scope, name = _target(session, scope, name, LIMIT_SCOPES)
    sql = """
        INSERT INTO backlog_rule (kind, scope, name, most, actor)
        VALUES ('limit', %s, %s, %s, backlog_actor())
        ON CONFLICT (kind, scope, name) DO UPDATE SET
            most = excluded.most, actor = excluded.actor, since = excluded.since"""
    session.execute(sql, (scope, name, values.count(most, "max")))
    return next(each for each in limits(session) if (each.scope, each.name) == (scope, name))


@in_transaction
def unlimit(session: Session, scope: str, name: str) -> str:
    """As many cards of this scope as there are may be claimed again; its name. Or `NotFound`."""
    sql = "DELETE FROM backlog_rule WHERE kind = 'limit' AND scope = %s AND name = %s"
    scope, name = _ruled(session, "limit", scope, name, LIMIT_SCOPES)
    if not session.execute(sql, (scope, name)).rowcount:
        raise NotFound(f"there is no limit on {'the' if scope == FLEET else scope} {name or scope}")
    return name


def limits(session: Session) -> list[Limit]:
    """Every limit, and how much of it is used."""
    return list(in_force(session).limits)


class Rules(NamedTuple):
    """All that holds claims back: pauses, oldest first, and limits."""

    pauses: tuple[Pause, ...] = ()
    limits: tuple[Limit, ...] = ()

    def of_phase(self, phase: str | None) -> tuple[Pause | None, Limit | None]:
        """The pause and the limit of this phase; not those of the fleet or of a worker."""
        return self.of("phase", phase)

    def of(self, scope: str, name: str | None) -> tuple[Pause | None, Limit | None]:
        """The pause and the limit of this very scope."""
        key = (scope, name)
        return (
            next((each for each in self.pauses if (each.scope, each.name) == key), None),
            next((each for each in self.limits if (each.scope, each.name) == key), None),
        )


def in_force(session: Session) -> Rules:
    """Every pause and every limit, read by one statement."""
    pauses, limits = [], []
    for kind, scope, name, reason, most, actor, since, used in session.execute(_RULES):
        if kind == "pause":
            pauses.append(Pause(scope, name, reason, actor, since))
        else:
            limits.append(Limit(scope, name, most, used, actor, since))
    return Rules(tuple(pauses), tuple(sorted(limits)))


def spent_phases(session: Session) -> set[str]:
    """The phases whose budget is spent: nothing of them is claimed."""
    sql = "SELECT name FROM backlog_rule WHERE kind = 'budget' AND due <= statement_timestamp()"
    return {row[0] for row in session.execute(sql)}


def locked_limits(session: Session) -> list[Limit]:
    """Every limit and how much of it is used; no other claim counts until the transaction ends."""
    session.execute(_LIMITS_LOCK)
    return limits(session)


def of_nothing(
    session: Session, made: "Pause | Limit | Budget", known: dict[str, list[str]] | None = None
) -> str | None:
    """What to say of a rule that concerns nobody now, as `unknown`; None of one that does.

    It may well be meant, ahead of time; or the name is not the one meant.
    """
    return unknown(session, made.scope, made.name, " now, so this holds nobody back yet", known)


def unknown(
    session: Session, scope: str, name: str, so: str = "", known: dict[str, list[str]] | None = None
) -> str | None:
    """What to say of a name that nobody has: no card of the phase or role, no trace of the worker;
    `so` goes on from there, and the name that is like it is named. None of one that somebody has.

    Who asks of many names gives one `known` for all, empty at first.
    """
    sql = f"SELECT {_CONCERNS[scope]}"
    if session.execute(sql, [name] * sql.count("%s")).fetchone()[0]:
        return None
    card_of = _CARD_OF.get(scope)
    who = f"there is no card of {card_of}" if card_of else "nothing is known of worker"
    said = f"{who} {name}{so}"
    known = {} if known is None else known
    if scope not in known:
        known[scope] = [row[0] for row in session.execute(_KNOWN[scope])]
    meant = _like(name, known[scope])
    return said if meant is None else f"{said}; did you mean {meant}?"


def _like(name: str, known: Iterable[str]) -> str | None:
    """Of the names that are known the one that is most like this one, if one is."""
    from difflib import get_close_matches  # no claim needs it, and claims come through here

    by_letters = {each.casefold(): each for each in known}
    found = get_close_matches(name.casefold(), by_letters, n=1, cutoff=0.7)
    return by_letters[found[0]] if found else None


# The column of cards that a scope's name is one of.
_CARD_OF: Final = {"phase": "phase", "review": "phase", "role": "role"}


def cards_of(scope: str, name: str) -> tuple[str, list[str]]:
    """The cards of a scope, of an owner those that they hold: SQL that continues a WHERE clause on
    `backlog`, and its parameters."""
    column = _CARD_OF.get(scope, "claim_owner")
    return ("", []) if scope == FLEET else (f" AND {column} = %s", [name])


_CONCERNS: Final = {
    FLEET: "true",
    **{
        scope: f"EXISTS (SELECT FROM backlog WHERE {column} = %s)"
        for scope, column in _CARD_OF.items()
    },
    "owner": """EXISTS (SELECT FROM backlog WHERE claim_owner = %s)
        OR EXISTS (SELECT FROM backlog_ended_run WHERE owner = %s)
        OR EXISTS (SELECT FROM backlog_event WHERE actor = %s)""",
}

# What a name may be meant for: the phases, one after the other, each a step in the index of lanes;
# roles; whoever holds a card or did. Bounded, as whoever asks waits.
_PHASES: Final = """
WITH RECURSIVE walk (phase, step) AS (
    (SELECT phase, 1 FROM backlog WHERE status <> 'claimed' AND archived_at IS NULL
        ORDER BY phase LIMIT 1)
    UNION ALL SELECT (
        SELECT phase FROM backlog
        WHERE status <> 'claimed' AND archived_at IS NULL AND phase > walk.phase
        ORDER BY phase LIMIT 1), step + 1
    FROM walk WHERE phase IS NOT NULL AND step < 1000
)
SELECT phase FROM walk WHERE phase IS NOT NULL
UNION SELECT phase FROM backlog WHERE claim_expires_at IS NOT NULL AND phase IS NOT NULL"""
_KNOWN: Final = {
    "phase": _PHASES,
    "review": _PHASES,
    "role": """
SELECT DISTINCT role FROM (SELECT role FROM backlog LIMIT 10000) AS card WHERE role IS NOT NULL""",
    "owner": """
SELECT claim_owner FROM backlog WHERE claim_expires_at IS NOT NULL
UNION SELECT owner FROM (SELECT owner FROM backlog_ended_run LIMIT 10000) AS run""",
}


def _target(session: Session, scope: str, name: str, known: tuple[str, ...]) -> tuple[str, str]:
    """Whom a new rule is about: by the very name that cards have, else a proper one."""
    _check(scope, name, known)
    if scope == FLEET:
        return scope, ""
    return scope, names.of_rule(session, _CARD_OF.get(scope, "claim_owner"), name, scope)


def _ruled(
    session: Session, kind: str, scope: str, name: str, known: tuple[str, ...]
) -> tuple[str, str]:
    """Whom a rule is about that may be there: by its very name, else without blanks around it."""
    _check(scope, name, known)
    sql = "SELECT FROM backlog_rule WHERE (kind, scope, name) = (%s, %s, %s)"
    if name == name.strip() or session.execute(sql, (kind, scope, name)).rowcount:
        return scope, name
    return scope, name.strip()


def _check(scope: str, name: str, known: tuple[str, ...]) -> None:
    if scope not in known:
        raise UsageError(f"scope must be one of {', '.join(known)}, not {scope}")
    if scope != FLEET:
        values.line(name, scope)
    elif name.strip():
        raise UsageError("the fleet has no name")
