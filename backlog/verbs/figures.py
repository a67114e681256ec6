"""What a monitoring system is told: how many cards there are of what, and what has happened.

No index is there for it. At a million cards the counts are one pass over the board's own index, so
whoever asks keeps the answer for a while.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from backlog.lifecycle import CELL_OF
from backlog.planner import indexed
from backlog.session import Session
from backlog.verbs import beside, budgets, tally

GAUGE: Final = "gauge"
COUNTER: Final = "counter"

# Each name of a phase is a series of its own: of so many, the largest, cards are told by name.
MOST_PHASES: Final = 100
# What the other phases are called together.
OTHERS: Final = "(others)"


class Figure(NamedTuple):
    """A number that has a name, or one for each value of its `labels`.

    A `COUNTER` only grows, whatever restarts; a `GAUGE` is as of now. `samples` are the values by
    those of the labels, in their order.
    """

    kind: str
    name: str
    help: str
    labels: tuple[str, ...]
    samples: Mapping[tuple[str, ...], float]


def one(name: str, about: str, value: float | None, kind: str = GAUGE) -> Figure:
    """A figure without labels; None: there is nothing to tell."""
    return Figure(kind, name, about, (), {} if value is None else {(): value})


def figures(session: Session) -> list[Figure]:
    """All that can be told, those of other apps (`beside.FIGURES`) included.

    Writes what it has counted of the history, so that it counts that once.
    """
    return [
        *_of_cards(session),
        *_of_claims(session),
        _blocked(session),
        _rules(session),
        one(
            "backlog_budgets_spent",
            "Phases whose budget is spent: nothing of them is claimed.",
            len(budgets.spent(session)),
        ),
        *_of_history(session),
        *beside.told(session, beside.FIGURES.values()),
    ]


# In the order of `backlog_lanes`, which has all that is asked for: the table is not read. What is
# claimed, a card a worker, is not in it. Seconds, not times: the clock is the database's.
_CARDS: Final = """
WITH cell AS MATERIALIZED (
    SELECT phase, status, claimable, count(*) AS number, min(created_at) AS oldest
    FROM backlog WHERE status <> 'claimed' AND archived_at IS NULL
    GROUP BY phase, status, claimable
    UNION ALL
    SELECT phase, 'claimed', false, count(*), NULL
    FROM backlog WHERE claim_expires_at IS NOT NULL GROUP BY phase
), largest AS (
    SELECT phase FROM cell WHERE phase IS NOT NULL
    GROUP BY phase ORDER BY sum(number) DESC, phase LIMIT %s
)
SELECT CASE WHEN cell.phase IS NULL THEN '' ELSE coalesce(largest.phase, %s) END, status, claimable,
    sum(number), extract(epoch FROM now() - min(oldest))
FROM cell LEFT JOIN largest USING (phase) GROUP BY 1, 2, 3"""


def _of_cards(session: Session) -> Iterable[Figure]:
    numbers = Counter[tuple[str, ...]]()
    ages: dict[str, float] = {}
    with indexed(session):
        rows = session.execute(_CARDS, (MOST_PHASES, OTHERS)).fetchall()
    for phase, status, claimable, number, age in rows:
        cell = CELL_OF[status, claimable]
        numbers[phase, cell] += int(number)
        if age is not None:
            ages[cell] = max(float(age), ages.get(cell, 0))
    yield Figure(
        GAUGE,
        "backlog_cards",
        "Cards, without those that are archived, by what can happen to them next.",
        ("phase", "state"),
        numbers,
    )
    yield Figure(
        GAUGE,
        "backlog_oldest_card_seconds",
        "Age of the oldest card that is ready or waiting, since it was created.",
        ("state",),
        {(state,): ages[state] for state in ("ready", "waiting") if state in ages},
    )


_CLAIMS: Final = """
SELECT count(DISTINCT claim_owner), count(*) FILTER (WHERE claim_expires_at <= now()),
    greatest(extract(epoch FROM now() - min(claim_expires_at)), 0)
FROM backlog WHERE claim_expires_at IS NOT NULL"""


def _of_claims(session: Session) -> Iterable[Figure]:
    owners, expired, longest = session.execute(_CLAIMS).fetchone()
    yield one("backlog_workers", "Workers that hold a claim.", owners)
    yield one("backlog_claims_expired", "Claims whose lease is over: nobody swept yet.", expired)
    yield one(
        "backlog_claims_expired_seconds",
        "For how long the lease has been over that is over for longest.",
        float(longest or 0),
    )


# One after the other of the partial index of what is blocked: few among many.
_BLOCKED: Final = """
SELECT coalesce(block_reason, 'other'), count(*) FROM backlog WHERE status = 'blocked' GROUP BY 1"""


def _blocked(session: Session) -> Figure:
    numbers = {row[:1]: row[1] for row in session.execute(_BLOCKED)}
    about = "Cards that are blocked, by why: what they ask of an operator."
    return Figure(GAUGE, "backlog_blocked_cards", about, ("reason",), numbers)


_RULES: Final = """
SELECT kind, scope, count(*) FROM backlog_rule
WHERE kind IN ('pause', 'limit', 'budget', 'gate') GROUP BY kind, scope"""


def _rules(session: Session) -> Figure:
    numbers = {row[:2]: row[2] for row in session.execute(_RULES)}
    about = "Pauses, limits, budgets and gates that are set, by what they are about."
    return Figure(GAUGE, "backlog_rules", about, ("kind", "scope"), numbers)


def _of_history(session: Session) -> Iterable[Figure]:
    counted = tally.tally(session)
    if counted is None:
        return
    yield Figure(
        COUNTER,
        "backlog_events",
        "Changes of cards and what was said of them, by verb: claim, complete, create, …",
        ("verb",),
        {(verb,): number for verb, number in counted.events.items()},
    )
    columns: Sequence[tuple[str, str, str]] = (
        ("backlog_runs", "runs", "Attempts that are over, by how they ended."),
        ("backlog_run_seconds", "seconds", "Time that those attempts took."),
        ("backlog_run_tokens", "tokens", "Tokens that workers told of them."),
        ("backlog_run_cost", "cost", "What they cost, as workers told, in the fleet's currency."),
    )
    for name, field, about in columns:
        yield Figure(
            COUNTER,
            name,
            about,
            ("outcome",),
            {(how,): float(getattr(spent, field)) for how, spent in counted.runs.items()},
        )
