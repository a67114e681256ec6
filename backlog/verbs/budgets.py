"""Budgets: what the runs of a phase may take before claims of it stop."""

from collections.abc import Iterator
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog import values
from backlog.errors import Busy, NotFound, UsageError
from backlog.lifecycle import BUDGET
from backlog.session import Session, in_transaction, sqlstate
from backlog.verbs import names
from backlog.verbs.findings import Finding, command

# From this share on a budget warns.
WARNED_AT: Final = Decimal("0.8")

OK: Final = "ok"
WARNING: Final = "warning"
SPENT: Final = "spent"

_BUDGETS: Final = f"""
SELECT name, tokens, cost, spent_tokens, spent_cost, share, CASE
    WHEN due <= statement_timestamp() THEN '{SPENT}'
    WHEN share >= {WARNED_AT} THEN '{WARNING}' ELSE '{OK}' END, actor, since
FROM backlog_rule, LATERAL (SELECT trunc(greatest(
    CASE WHEN tokens = 0 THEN 1 ELSE spent_tokens::numeric / tokens END,
    CASE WHEN cost = 0 THEN 1 ELSE spent_cost / cost END), 4)) AS part (share)
WHERE kind = 'budget' AND (%s::text IS NULL OR name = %s) ORDER BY name"""


class Budget(NamedTuple):
    """What the runs of a phase may take, in tokens, in cost or in both, and what they have taken.

    `share`: the part of it that is spent, of whichever is nearer to its end. `state`: OK, WARNING
    from `WARNED_AT` on, or SPENT: no card of the phase is claimed.
    """

    phase: str
    tokens: int | None
    cost: Decimal | None
    spent_tokens: int
    spent_cost: Decimal
    share: Decimal
    state: str
    actor: str
    since: datetime

    def __str__(self) -> str:
        return f"phase {self.phase} ({self.spent_of})"

    @property
    def scope(self) -> str:
        """As a pause and a limit have it."""
        return "phase"

    @property
    def name(self) -> str:
        """As a pause and a limit have it."""
        return self.phase

    @property
    def spent_of(self) -> str:
        """How much of how much, in words."""
        parts = (
            (self.spent_tokens, self.tokens, " tokens"),
            (self.spent_cost, self.cost, " in cost"),
        )
        return ", ".join(
            f"{written(spent)} of {written(most)}{unit}"
            for spent, most, unit in parts
            if most is not None
        )

    @property
    def percent(self) -> int:
        """The share in whole per cent, cut."""
        return int(100 * self.share)


def written(number: int | Decimal) -> str:
    """The number, without zeros that say nothing."""
    return f"{Decimal(number).normalize():f}"


def budgets(session: Session, phase: str | None = None) -> list[Budget]:
    """Every budget, by phase; or that of this very phase, if it has one."""
    return [Budget._make(row) for row in session.execute(_BUDGETS, (phase, phase))]


def spent(session: Session) -> list[Budget]:
    return [each for each in budgets(session) if each.state == SPENT]


# Up to so many: of more it does not matter how many.
_UNFINISHED: Final = """
SELECT count(*) FROM (
    SELECT FROM backlog WHERE phase = %s AND status <> 'done' LIMIT 100000) AS some_cards"""


def running_out(session: Session) -> Iterator[Finding]:
    """What the doctor says of budgets that warn or are spent, of phases that are not done."""
    for each in budgets(session):
        if each.state == OK:
            continue
        (count,) = session.execute(_UNFINISHED, (each.phase,)).fetchone()
        if count:
            part = "its budget is spent" if each.state == SPENT else f"{each.percent} % spent"
            out = ("unbudget", "--phase", each.phase) if each.state == SPENT else ("budgets",)
            yield Finding(
                BUDGET,
                f"{part}: {each.spent_of}; not done: {count}",
                command(*out),
                scope=each.scope,
                name=each.phase,
                note=each.spent_of,
                count=count,
            )


@in_transaction
def budget(session: Session, /, phase: str, **given: Any) -> Budget:
    """From now on the runs of this phase may take so much: `tokens`, `cost`, or both.

    What is not given stays as it is; None takes it away, but not the last. What runs of the phase's
    cards have taken so far counts. Raises `UsageError`; `Busy` if for seconds others keep a run
    that is ending.
    """
    phase = names.of_rule(session, "phase", phase, "phase")
    bounds = _checked(given)
    sql = """
        SELECT tokens, cost FROM backlog_rule
        WHERE (kind, scope, name) = ('budget', 'phase', %s) FOR UPDATE"""
    found = session.execute(sql, (phase,)).fetchone()
    bounds = dict(zip(("tokens", "cost"), found or (None, None), strict=True)) | bounds
    if set(bounds.values()) == {None}:
        raise UsageError("a budget is of tokens, of cost, or of both: --tokens, --cost")
    if found is None:
        _no_run_ends(session)
    given_now = (bounds["tokens"], bounds["cost"], phase)
    session.execute(*((_SET, given_now) if found else (_SET_FIRST, (phase, *given_now))))
    return budgets(session, phase)[0]


_SET: Final = """
UPDATE backlog_rule SET tokens = %s, cost = %s, actor = backlog_actor(), since = now()
WHERE (kind, scope, name) = ('budget', 'phase', %s)"""

# Somebody may have set the first one a moment ago.
_SET_FIRST: Final = f"""
INSERT INTO backlog_rule AS rule
    (kind, scope, name, tokens, cost, actor, spent_tokens, spent_cost)
SELECT 'budget', 'phase', %s, %s::bigint, %s::numeric, backlog_actor(),
    least(coalesce(sum(tokens), 0), {values.BIGINT_MAX}),
    least(coalesce(sum(cost), 0), 99999999999999.999999)
FROM backlog_ended_run WHERE card_id IN (SELECT id FROM backlog WHERE phase = %s)
ON CONFLICT (kind, scope, name) DO UPDATE SET tokens = excluded.tokens, cost = excluded.cost,
    actor = excluded.actor, since = excluded.since"""

_TO_WAIT: Final = "5s"
_LOCK_TIMEOUT: Final = "55P03"


def _no_run_ends(session: Session) -> None:
    """Until this transaction ends: so each is in the first sum, or added to it; never both."""
    try:
        session.execute("SELECT set_config('lock_timeout', %s, true)", (_TO_WAIT,))
        session.execute("LOCK TABLE backlog_ended_run IN SHARE MODE")
    except Exception as error:
        if sqlstate(error) != _LOCK_TIMEOUT:
            raise
        raise Busy("another transaction keeps a run that is ending; try again") from None


@in_transaction
def unbudget(session: Session, phase: str) -> str:
    """The runs of this phase may take whatever they take; its name. Raises `NotFound`."""
    sql = """
        DELETE FROM backlog_rule WHERE (kind, scope, name) = ('budget', 'phase', %s)
        RETURNING name"""
    values.line(phase, "phase")
    for name in (phase, phase.strip()):  # by its very name, else without blanks around it
        if session.execute(sql, (name,)).fetchone():
            return name
    raise NotFound(f"there is no budget of phase {phase.strip()}")


def _checked(given: dict[str, Any]) -> dict[str, Any]:
    checks = {"tokens": values.tokens, "cost": values.cost}
    return {
        name: None if value is None else checks[name](value, name) for name, value in given.items()
    }
