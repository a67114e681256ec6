"""How cards flow, from their events and runs: what the fleet's page shows of the last days."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog.lifecycle import STATUSES
from backlog.session import Session
from backlog.verbs import pool
from backlog.verbs.kept import is_large, kept
from backlog.verbs.pool import Stats

# What a sweep keeps of it; the days that can be asked for; as many phases are named.
NAME: Final = "flow"
SPANS: Final = (7, 30, 90)
MOST_PHASES: Final = 25


class Day(NamedTuple):
    """What happened on one day (UTC), and how many cards there were in each status at its end."""

    day: date
    created: int
    claimed: int
    done: int
    standing: Mapping[str, int]


def days(session: Session, number: int, standing: Mapping[str, int]) -> list[Day]:
    """The last `number` days, today last; `standing`: how many cards each status has now.

    Counts of the past are those of now, less what the events since then changed.
    """
    today = datetime.now(UTC).date()
    past = []
    moves = _moves(session, today - timedelta(days=number - 1))
    for back in range(number):
        day = today - timedelta(days=back)
        happened, before = Counter[str](), Counter[str | None](standing)
        for verb, came_from, went_to, count in moves[day]:
            happened[verb] += count
            before[came_from] += count
            before[went_to] -= count
        created, claimed, done = happened["create"], happened["claim"], happened["complete"]
        past.append(Day(day, created, claimed, done, standing))
        # Never below 0: of cards that were there before the first event was kept.
        standing = {status: max(0, before[status]) for status in STATUSES}
    return past[::-1]


_MOVES: Final = """
SELECT (at AT TIME ZONE 'UTC')::date, verb, from_status, to_status, count(*) FROM backlog_event
WHERE at >= %s AND from_status IS DISTINCT FROM to_status GROUP BY 1, 2, 3, 4"""


def _moves(
    session: Session, first: date
) -> Mapping[date, Iterable[tuple[str, str | None, str | None, int]]]:
    """Of each day since the first: verb, status before, status after, and how many cards."""
    by_day = defaultdict(list)
    since = datetime.combine(first, time(), UTC)
    for day, *move in session.execute(_MOVES, (since,)).fetchall():
        by_day[day].append(tuple(move))
    return by_day


class Spread(NamedTuple):
    """Percentiles of a time, of `number` cards; None where there are none."""

    name: str
    number: int
    p50: timedelta | None = None
    p85: timedelta | None = None
    p95: timedelta | None = None


def _percentiles(time: str) -> str:
    return f"percentile_cont(ARRAY[0.5, 0.85, 0.95]) WITHIN GROUP (ORDER BY {time})"


# Of intervals, which are sorted sooner than seconds made of them.
_TIMES: Final = f"""
WITH finished AS (
    SELECT card_id, max(at) AS at FROM backlog_event
    WHERE at >= %s AND verb = 'complete' GROUP BY card_id
), took AS (
    SELECT finished.at - claimed.first AS worked, finished.at - card.created_at AS waited
    FROM finished JOIN backlog card ON card.id = finished.card_id
    LEFT JOIN LATERAL (
        SELECT min(at) AS first FROM backlog_event event
        WHERE event.card_id = finished.card_id AND event.verb = 'claim' AND event.at <= finished.at
    ) AS claimed ON true
), aged AS (
    SELECT status, count(*) AS number, {_percentiles("now() - created_at")} AS created,
        {_percentiles("now() - status_changed_at")} AS changed
    FROM backlog WHERE status <> 'done' GROUP BY status
), spread (name, number, times) AS (
    SELECT 'first claim to done', count(worked), {_percentiles("worked")} FROM took
    UNION ALL SELECT 'created to done', count(waited), {_percentiles("waited")} FROM took
    UNION ALL (SELECT status || ', since ' || moment, number, times FROM aged CROSS JOIN LATERAL (
        VALUES ('created', created), ('its status changed', changed)) AS since (moment, times)
        ORDER BY status, moment)
)
SELECT name, number, times[1], times[2], times[3] FROM spread"""


def times(session: Session, number: int) -> list[Spread]:
    """How long the cards done in the last `number` days took, and how old open ones are."""
    since = datetime.now(UTC) - timedelta(days=number)
    return [Spread._make(row) for row in session.execute(_TIMES, (since,)).fetchall()]


class Spent(NamedTuple):
    """What the runs of a phase took; None where no worker said, and for cards without a phase."""

    phase: str | None
    runs: int
    tokens: int | Decimal | None
    cost: Decimal | None


_SPENDING: Final = f"""
SELECT phase, count(*), sum(tokens), sum(cost)
FROM backlog_ended_run AS run LEFT JOIN backlog ON backlog.id = run.card_id
WHERE ended_at >= %s GROUP BY phase
ORDER BY 4 DESC NULLS LAST, 3 DESC NULLS LAST, 2 DESC, phase LIMIT {MOST_PHASES}"""


def spending(session: Session, number: int) -> list[Spent]:
    """What the runs that ended in the last `number` days took, the dearest phase first.

    Cards that are deleted by now have no phase.
    """
    since = datetime.now(UTC) - timedelta(days=number)
    return [Spent._make(row) for row in session.execute(_SPENDING, (since,)).fetchall()]


class Flow(NamedTuple):
    """Of the last days; `at`: when this was so, None: now."""

    stats: Stats
    days: list[Day]
    times: list[Spread]
    spending: list[Spent]
    at: datetime | None = None


def flow(session: Session, number: int) -> Flow | None:
    """How cards flowed in the last `number` days, one of `SPANS`.

    Of a large backlog as a sweep saw it last; None if none has looked lately.
    """
    if not is_large(session):
        return _flow(session, number)
    seen = kept(session, NAME)
    return _of(seen.content[str(number)], seen.at) if seen else None


def _flow(session: Session, number: int) -> Flow:
    stats = pool.stats(session)
    past = days(session, number, stats.counts)
    return Flow(stats, past, times(session, number), spending(session, number))


def look(session: Session) -> Any:
    """What `flow` asks of a sweep, as JSON."""
    stats = pool.stats(session)
    past = days(session, max(SPANS), stats.counts)
    return {
        number: {
            "stats": stats,
            "days": [[day.day.isoformat(), *day[1:]] for day in past[-number:]],
            "times": [[*each[:2], *map(_seconds, each[2:])] for each in times(session, number)],
            "spending": [
                (
                    each.phase,
                    each.runs,
                    each.tokens and int(each.tokens),
                    each.cost and str(each.cost),
                )
                for each in spending(session, number)
            ],
        }
        for number in SPANS
    }


def _of(seen: Any, at: datetime) -> Flow:
    return Flow(
        Stats(*seen["stats"]),
        [Day(date.fromisoformat(day), *more) for day, *more in seen["days"]],
        [Spread(*each[:2], *map(_interval, each[2:])) for each in seen["times"]],
        [
            Spent(phase, runs, tokens, cost and Decimal(cost))
            for phase, runs, tokens, cost in seen["spending"]
        ],
        at,
    )


def _seconds(interval: timedelta | None) -> float | None:
    return None if interval is None else interval.total_seconds()


def _interval(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
