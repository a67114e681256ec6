"""What phases were projected to take, have taken and may take: a row a phase."""

from datetime import datetime
from typing import Final, NamedTuple

from backlog.session import Session
from backlog.verbs import spend
from backlog.verbs.budgets import Budget, budgets
from backlog.verbs.spend import Spend

# As many phases are named, the dearest.
MOST_PHASES: Final = 25


class Phases(NamedTuple):
    """The dearest phases, those with a budget first; `more`: there are others. As of `at`, if a
    sweep saw it."""

    rows: list[tuple[str | None, Spend, Budget | None]]
    more: bool
    at: datetime | None


def by_phase(session: Session) -> Phases | None:
    """What is known of each phase; None where nothing is."""
    seen, at = spend.phases(session)
    bounds: dict[str | None, Budget] = {each.phase: each for each in budgets(session)}
    names = sorted(
        {*seen, *bounds},
        key=lambda name: (name not in bounds, *_dearest(seen.get(name)), name or ""),
    )
    rows = [(name, seen.get(name, Spend()), bounds.get(name)) for name in names[:MOST_PHASES]]
    return Phases(rows, len(names) > MOST_PHASES, at) if rows else None


def _dearest(spent: Spend | None) -> tuple[float, float]:
    return (-float(spent.cost or 0), -float(spent.tokens or 0)) if spent else (0, 0)
