"""How cards flow, from their events and runs: what the fleet's page shows of some span of time."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, NamedTuple

from backlog.lifecycle import STATUSES
from backlog.session import Session
from backlog.verbs import pool
from backlog.verbs.kept import is_large, kept
from backlog.verbs.pool import Stats
from backlog.verbs.timeline import Row, Timeline, timeline

# What a sweep keeps of it.
NAME: Final = "flow"
# Of as many phases a sweep keeps what their runs took.
MOST_PHASES: Final = 1_000

DAY: Final = timedelta(days=1)
_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)


class Span(NamedTuple):
    """The last so many equal parts of time (UTC), of which the last is not over yet."""

    label: str
    part: timedelta
    number: int

    def begin(self, now: datetime) -> datetime:
        """When its first part began."""
        return now - (now - _EPOCH) % self.part - (self.number - 1) * self.part


SPANS: Final = {
    "1h": Span("1 hour", timedelta(minutes=5), 12),
    "24h": Span("24 hours", timedelta(hours=1), 24),
    "7d": Span("7 days", DAY, 7),
    "30d": Span("30 days", DAY, 30),
    "90d": Span("90 days", DAY, 90),
}


class Part(NamedTuple):
    """What happened from `at` on in one part of a span, and how many cards there were in each
    status at its end. `cost` is of the runs that ended in it, None where no worker said."""

    at: datetime
    created: int
    claimed: int
    done: int
    cost: Decimal | None
    standing: Mapping[str, int]


def parts(session: Session, span: Span, standing: Mapping[str, int]) -> list[Part]:
    """The parts of the span, the latest last; `standing`: how many cards each status has now.

    Counts of the past are those of now, less what the events since then changed.
    """
    first = span.begin(datetime.now(UTC))
    moves = _moves(session, span, first)
    costs = dict(session.execute(_COSTS, (span.part, _EPOCH, first)))
    past = []
    for back in reversed(range(span.number)):
        at = first + back * span.part
        happened, before = Counter[str](), Counter[str | None](standing)
        for verb, came_from, went_to, count in moves[at]:
            happened[verb] += count
            before[came_from] += count
            before[went_to] -= count
        created, claimed, done = happened["create"], happened["claim"], happened["complete"]
        past.append(Part(at, created, claimed, done, costs.get(at), standing))
        # Never below 0: of cards that were there before the first event was kept.
        standing = {status: max(0, before[status]) for status in STATUSES}
    return past[::-1]


_MOVES: Final = """
SELECT date_bin(%s, at, %s), verb, from_status, to_status, count(*) FROM backlog_event
WHERE at >= %s AND from_status IS DISTINCT FROM to_status GROUP BY 1, 2, 3, 4"""


def _moves(
    session: Session, span: Span, first: datetime
) -> Mapping[datetime, Iterable[tuple[str, str | None, str | None, int]]]:
    """Of each part: verb, status before, status after, and how many cards."""
    by_part = defaultdict(list)
    for at, *move in session.execute(_MOVES, (span.part, _EPOCH, first)):
        by_part[at].append(tuple(move))
    return by_part


_COSTS: Final = """
SELECT date_bin(%s, ended_at, %s), sum(cost) FROM backlog_ended_run
WHERE ended_at >= %s GROUP BY 1"""


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


def times(session: Session, span: Span) -> list[Spread]:
    """How long the cards done in the span took, and how old open ones are."""
    since = span.begin(datetime.now(UTC))
    return [Spread._make(row) for row in session.execute(_TIMES, (since,))]


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


def spending(session: Session, span: Span) -> list[Spent]:
    """What the runs that ended in the span took, the dearest phase first.

    Cards that are deleted by now have no phase.
    """
    since = span.begin(datetime.now(UTC))
    return [Spent._make(row) for row in session.execute(_SPENDING, (since,))]


class Flow(NamedTuple):
    """Of a span; `at`: when this was so, None: now."""

    stats: Stats
    parts: list[Part]
    times: list[Spread]
    spending: list[Spent]
    timeline: Timeline
    at: datetime | None = None


def flow(session: Session, span: str) -> Flow | None:
    """How cards flowed in this span, one of `SPANS`.

    Of a large backlog as a sweep saw it last; None if none has looked lately.
    """
    if is_large(session):
        return seen(session, span)
    stats = pool.stats(session)
    return _flow(session, SPANS[span], stats, parts(session, SPANS[span], stats.ever))


def seen(session: Session, span: str) -> Flow | None:
    """The flow as a sweep saw it last; None if none has looked lately."""
    found = kept(session, NAME)
    # What an earlier version kept has other spans, until a sweep looks again.
    return _of(found.content[span], found.at) if found and span in found.content else None


def _flow(session: Session, span: Span, stats: Stats, past: list[Part]) -> Flow:
    drawn = timeline(session, span.begin(datetime.now(UTC)))
    return Flow(stats, past, times(session, span), spending(session, span), drawn)


def look(session: Session) -> Any:
    """What `flow` asks of a sweep."""
    stats = pool.stats(session)
    days = parts(session, max(SPANS.values(), key=lambda each: each.part * each.number), stats.ever)
    content = {}
    for name, span in SPANS.items():
        by_day = span.part == DAY
        past = days[-span.number :] if by_day else parts(session, span, stats.ever)
        content[name] = _flow(session, span, stats, past)._asdict()
    return content


def _of(seen: Any, at: datetime) -> Flow:
    since, until, rows, workers = seen["timeline"]
    moment = datetime.fromisoformat
    return Flow(
        Stats(*seen["stats"]),
        [Part._make((moment(at), *n, _number(cost), now)) for at, *n, cost, now in seen["parts"]],
        [Spread(*each[:2], *map(_interval, each[2:])) for each in seen["times"]],
        [Spent(*each[:2], *map(_number, each[2:])) for each in seen["spending"]],
        Timeline(moment(since), moment(until), [Row(*row) for row in rows], workers),
        at,
    )


def _number(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


def _interval(seconds: float | None) -> timedelta | None:
    return None if seconds is None else timedelta(seconds=seconds)
