"""The fleet at work: who holds what, and how cards flow, from their events."""

from datetime import UTC, date, datetime, timedelta
from typing import Any, Final, NamedTuple

from backlog.lifecycle import STATUSES
from backlog.session import Session
from backlog.web.queries.board import SHOWN, BoardCard

# As many claims are named; more are counted only.
MOST_CLAIMS: Final = 500


class Worker(NamedTuple):
    """An owner and the cards it holds, the one whose lease ends first at the top."""

    owner: str
    cards: list[BoardCard]

    @property
    def expired(self) -> int:
        return sum(card.expired for card in self.cards)


def workers(session: Session) -> list[Worker]:
    """Who holds cards; those with an expired lease first. At most `MOST_CLAIMS` cards in all."""
    sql = f"""
        SELECT {SHOWN} FROM backlog WHERE claim_expires_at IS NOT NULL
        ORDER BY claim_expires_at, id LIMIT {MOST_CLAIMS}"""
    held: dict[str, list[BoardCard]] = {}
    for row in session.execute(sql).fetchall():
        card = BoardCard(*row)
        held.setdefault(card.claim_owner or "", []).append(card)
    return [Worker(owner, cards) for owner, cards in held.items()]


def expired(workers: list[Worker]) -> list[tuple[BoardCard, datetime]]:
    """The cards whose lease is over, and since when; first the one that it is longest of."""
    late = [
        (card, card.claim_expires_at)
        for worker in workers
        for card in worker.cards
        if card.expired and card.claim_expires_at
    ]
    return sorted(late, key=lambda each: each[1])


class Day(NamedTuple):
    """What happened on one day (UTC), and how many cards there were in each status at its end."""

    day: date
    created: int
    claimed: int
    done: int
    standing: dict[str, int]


_DAYS: Final = """
SELECT (at AT TIME ZONE 'UTC')::date, verb, from_status, to_status, count(*)
FROM backlog_event WHERE at >= %s AND from_status IS DISTINCT FROM to_status
GROUP BY 1, 2, 3, 4"""


def days(session: Session, number: int) -> list[Day]:
    """The last `number` days, today last.

    Counts of the past are those of now, less what the events since then changed.
    """
    today = datetime.now(UTC).date()
    first = today - timedelta(days=number - 1)
    since = datetime(first.year, first.month, first.day, tzinfo=UTC)
    standing = dict.fromkeys(STATUSES, 0)
    standing |= dict(session.execute("SELECT status, count(*) FROM backlog GROUP BY 1").fetchall())
    happened: dict[date, list[tuple[str, str | None, str | None, int]]] = {}
    for day, *change in session.execute(_DAYS, (since,)).fetchall():
        happened.setdefault(day, []).append((change[0], change[1], change[2], change[3]))
    past = []
    for back in range(number):
        day = today - timedelta(days=back)
        changes = happened.get(day, [])
        past.append(
            Day(
                day,
                _count(changes, "create"),
                _count(changes, "claim"),
                _count(changes, "complete"),
                standing,
            )
        )
        standing = _before(standing, changes)
    return past[::-1]


def _count(changes: list[tuple[str, str | None, str | None, int]], verb: str) -> int:
    return sum(number for what, _, _, number in changes if what == verb)


def _before(
    standing: dict[str, int], changes: list[tuple[str, str | None, str | None, int]]
) -> dict[str, int]:
    earlier = dict(standing)
    for _, came_from, went_to, number in changes:
        if went_to in earlier:
            earlier[went_to] -= number
        if came_from in earlier:
            earlier[came_from] += number
    # Cards that were there before the first event was kept.
    return {status: max(0, number) for status, number in earlier.items()}


class Spread(NamedTuple):
    """Percentiles of a time in seconds, of `number` cards; None where there are none."""

    name: str
    number: int
    p50: float | None
    p85: float | None
    p95: float | None


_PERCENTILES: Final = "percentile_cont(ARRAY[0.5, 0.85, 0.95]) WITHIN GROUP (ORDER BY {})"

_CYCLES: Final = f"""
WITH finished AS (
    SELECT card_id, max(at) AS at FROM backlog_event
    WHERE at >= %s AND verb = 'complete' GROUP BY card_id
), times AS (
    SELECT extract(epoch FROM finished.at - claimed.first)::float AS worked,
        extract(epoch FROM finished.at - card.created_at)::float AS waited
    FROM finished JOIN backlog card ON card.id = finished.card_id
    LEFT JOIN LATERAL (
        SELECT min(at) AS first FROM backlog_event event
        WHERE event.card_id = finished.card_id AND event.verb = 'claim' AND event.at <= finished.at
    ) AS claimed ON true
)
SELECT 'first claim to done', count(seconds), {_PERCENTILES.format("seconds")}
FROM (SELECT worked AS seconds FROM times) AS worked
UNION ALL
SELECT 'created to done', count(seconds), {_PERCENTILES.format("seconds")}
FROM (SELECT waited AS seconds FROM times) AS waited"""

# Of intervals: they are sorted sooner than seconds made of them.
_AGES: Final = f"""
SELECT status, count(*), {_PERCENTILES.format("now() - created_at")},
    {_PERCENTILES.format("now() - status_changed_at")}
FROM backlog WHERE status <> 'done' GROUP BY status ORDER BY status"""


def times(session: Session, number: int) -> list[Spread]:
    """How long the cards done in the last `number` days took, and how old open ones are."""
    since = datetime.now(UTC) - timedelta(days=number)
    cycles = session.execute(_CYCLES, (since,)).fetchall()
    took = [Spread(name, count, *(spread or (None, None, None))) for name, count, spread in cycles]
    ages = [
        Spread(f"{status}, since {moment}", count, *(age.total_seconds() for age in spread))
        for status, count, *spreads in session.execute(_AGES).fetchall()
        for moment, spread in zip(("created", "its status changed"), spreads, strict=True)
    ]
    return took + ages


class Spending(NamedTuple):
    """What runs of cards of one phase (None: of none, or deleted by now) took together.

    Tokens and cost are None where no worker said.
    """

    phase: str | None
    runs: int
    tokens: int | None
    cost: Any


# As many phases are named.
MOST_PHASES: Final = 25

_SPENT: Final = f"""
SELECT phase, count(*), sum(tokens), sum(cost)
FROM backlog_ended_run run LEFT JOIN backlog card ON card.id = run.card_id
WHERE run.ended_at >= %s GROUP BY phase
ORDER BY sum(cost) DESC NULLS LAST, sum(tokens) DESC NULLS LAST, count(*) DESC, phase
LIMIT {MOST_PHASES}"""


def spending(session: Session, number: int) -> list[Spending]:
    """What the runs that ended in the last `number` days took, the dearest phase first."""
    since = datetime.now(UTC) - timedelta(days=number)
    return [Spending._make(row) for row in session.execute(_SPENT, (since,)).fetchall()]
