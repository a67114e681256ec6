"""Spend: what cards were projected to take, and what their runs took."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog.session import Session
from backlog.verbs import names
from backlog.verbs.kept import is_large, kept

type Number = int | Decimal | None


class Spend(NamedTuple):
    """What cards were projected to take, how much of that those that are not done, what their runs
    took, and how much more that is (less: negative) than was projected; None where nobody said."""

    projected_tokens: Number = None
    projected_cost: Number = None
    unfinished_tokens: Number = None
    unfinished_cost: Number = None
    tokens: Number = None
    cost: Number = None
    difference_tokens: Number = None
    difference_cost: Number = None


class Spending(NamedTuple):
    """By phase and role of the card, by worker, each by name, those without one last; and of all.

    A worker's projection is that of the cards that it holds, and of those done in its attempt.
    """

    phases: Mapping[str | None, Spend]
    roles: Mapping[str | None, Spend]
    owners: Mapping[str | None, Spend]
    total: Spend


# All in one snapshot. Of a card that is done, the run of its last attempt says whose it was: which
# that is is worked out once a card (OFFSET), not for each of its runs and each of the sums.
_SPENDING: Final = """
SELECT phase, role, claim_owner, sum(projected_tokens), sum(projected_cost), status = 'done',
    NULL, NULL
FROM backlog WHERE (projected_tokens IS NOT NULL OR projected_cost IS NOT NULL){among}
GROUP BY phase, role, claim_owner, status = 'done'
UNION ALL
SELECT phase, role, owner, sum(projected_tokens) FILTER (WHERE attempt = last),
    sum(projected_cost) FILTER (WHERE attempt = last), NULL, sum(tokens), sum(cost)
FROM backlog_ended_run {join} (
    SELECT id, phase, role, projected_tokens, projected_cost,
        CASE WHEN status = 'done' THEN attempts END AS last
    FROM backlog WHERE true{among} OFFSET 0
) AS card ON card.id = card_id
GROUP BY phase, role, owner"""


def spending(session: Session, phase: str | None = None) -> Spending:
    """What everything was projected to take and took (of the cards of a phase, if one is named).

    Runs of cards that are deleted by now are without a phase and a role.
    """
    phase = names.found(session, "phase", phase)
    of_all = phase is None
    among, params = ("", ()) if of_all else (" AND phase = %s", (phase, phase))
    sql = _SPENDING.format(among=among, join="LEFT JOIN" if of_all else "JOIN")
    rows = session.execute(sql, params)
    phases, roles, owners, total = _Sums(), _Sums(), _Sums(), _Sums()
    for phase, role, owner, of_tokens, of_cost, is_done, tokens, cost in rows:
        projected = of_tokens, of_cost
        for sums in (phases[phase], roles[role], owners[owner], total[None]):
            if is_done is None:
                _add(sums, 4, (tokens, cost))
            else:
                _add(sums, 0, projected)
                _add(sums, 2, (None, None) if is_done else projected)
        if is_done is None:  # what is done was nobody's until here
            _add(owners[owner], 0, projected)
            _add(owners[None], 0, [each and -each for each in projected])
    owners[None] = [each or None for each in owners[None]]
    return Spending(phases.said(), roles.said(), owners.said(), _spend(total[None]))


class _Sums(defaultdict[str | None, list[Any]]):
    """The first six values of a `Spend` for each name, as they are added up."""

    def __missing__(self, name: str | None) -> list[Any]:
        self[name] = [None] * 6
        return self[name]

    def said(self) -> dict[str | None, Spend]:
        """Of which anything was said, by name."""
        names = sorted(self, key=lambda name: (name is None, name or ""))
        told = (name for name in names if any(each is not None for each in self[name]))
        return {name: _spend(self[name]) for name in told}


def _add(sums: list[Any], first: int, more: Sequence[Number]) -> None:
    for place, number in enumerate(more, first):
        if number is not None:
            sums[place] = number + (sums[place] or 0)


def _spend(sums: list[Any]) -> Spend:
    return Spend._make((*sums, _less(sums[4], sums[0]), _less(sums[5], sums[1])))


def _less(actual: Number, projected: Number) -> Number:
    return None if actual is None or projected is None else actual - projected


# What a sweep keeps of it.
NAME: Final = "spending"

_NOTHING: Final = Spending({}, {}, {}, Spend())


def as_seen(session: Session, phase: str | None = None) -> tuple[Spending, datetime | None]:
    """What was projected and taken, and when that was so (None: now): of a large backlog as a sweep
    saw it last, nothing if none has looked lately. Whoever names a phase needs no other."""
    if not is_large(session):
        return spending(session, phase), None
    seen = kept(session, NAME)
    if seen is None:
        return _NOTHING, None
    phases, roles, owners, total = map(_read, seen.content)
    return Spending(phases, roles, owners, total[None]), seen.at


def look(session: Session) -> Any:
    """What `as_seen` asks of a sweep."""
    found = spending(session)
    return [
        [(name, sums[:6]) for name, sums in group.items()]
        for group in (*found[:3], {None: found.total})
    ]


def _read(group: list[Any]) -> dict[str | None, Spend]:
    return {name: _spend([each and Decimal(each) for each in sums]) for name, sums in group}
