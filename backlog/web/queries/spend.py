"""What was projected, has been taken and may be: a row a phase, a role, a worker."""

from collections.abc import Mapping
from datetime import datetime
from typing import Final, NamedTuple

from backlog.session import Session
from backlog.verbs.budgets import Budget, budgets
from backlog.verbs.spend import Spend, as_seen

# As many of each are named, the dearest.
MOST: Final = 25


class Spent(NamedTuple):
    """The dearest phases, those with a budget first; the dearest roles and workers, if any card or
    run has one. `more`: there are others. As of `at`, if a sweep saw it."""

    phases: list[tuple[str | None, Spend, Budget | None]]
    roles: list[tuple[str | None, Spend]]
    owners: list[tuple[str | None, Spend]]
    more: bool
    at: datetime | None


def spent(session: Session) -> Spent | None:
    """What is known of each; None where nothing is."""
    seen, at = as_seen(session)
    bounds: dict[str | None, Budget] = {each.phase: each for each in budgets(session)}
    phases = sorted(
        {*seen.phases, *bounds},
        key=lambda name: (name not in bounds, *_dearest(seen.phases.get(name)), name or ""),
    )
    if not phases:
        return None
    rows = [(name, seen.phases.get(name, Spend()), bounds.get(name)) for name in phases[:MOST]]
    more = max(len(phases), len(seen.roles), len(seen.owners)) > MOST
    return Spent(rows, _named(seen.roles), _named(seen.owners), more, at)


def _named(group: Mapping[str | None, Spend]) -> list[tuple[str | None, Spend]]:
    if not any(group):
        return []
    return sorted(group.items(), key=lambda row: (*_dearest(row[1]), row[0] or ""))[:MOST]


def _dearest(spent: Spend | None) -> tuple[float, float]:
    return (-float(spent.cost or 0), -float(spent.tokens or 0)) if spent else (0, 0)
