"""The fleet at work: who has claimed what, and how cards flow, from their events and runs."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final, NamedTuple

from django.db.models import Count, F, Sum
from django.db.models.functions import Now, TruncDate

from backlog.lifecycle import STATUSES
from backlog.models import Card, Event, Run
from backlog.session import Session
from backlog.web.queries import lines

# As many claims are named; more are counted only. And as many phases.
MOST_CLAIMS: Final = 500
MOST_PHASES: Final = 25

_SHOWN: Final = lines.in_order(
    *("id", "title", "phase", "status", "attempts", "claim_owner"),
    *("claim_expires_at", "status_changed_at", "updated_at"),
)


def claims() -> list[Card]:
    """What is claimed, the lease that ends first at the top; at most `MOST_CLAIMS` cards.

    Of each card how long its lease is `over`, by the database's clock (less than 0: not yet).
    """
    claimed = Card.objects.filter(claim_expires_at__isnull=False).with_expired()
    shown = claimed.annotate(over=Now() - F("claim_expires_at"))
    first = shown.order_by("claim_expires_at", "id")[:MOST_CLAIMS]
    return lines.cards(first, _SHOWN, "expired", "over")


def by_worker(claims: Sequence[Card]) -> list[Card]:
    """The claims of each worker together; first the worker that has the first of them all."""
    owners = list(dict.fromkeys(card.claim_owner for card in claims))
    place = {owner: number for number, owner in enumerate(owners)}
    return sorted(claims, key=lambda card: place[card.claim_owner])


class Day(NamedTuple):
    """What happened on one day (UTC), and how many cards there were in each status at its end."""

    day: date
    created: int
    claimed: int
    done: int
    standing: Mapping[str, int]


def days(number: int, standing: Mapping[str, int]) -> list[Day]:
    """The last `number` days, today last; `standing`: how many cards each status has now.

    Counts of the past are those of now, less what the events since then changed.
    """
    today = datetime.now(UTC).date()
    past = []
    moves = _moves(today - timedelta(days=number - 1))
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


def _moves(first: date) -> Mapping[date, Iterable[tuple[str, str | None, str | None, int]]]:
    """Of each day since the first: verb, status before, status after, and how many cards."""
    since = Event.objects.filter(at__gte=datetime.combine(first, time(), UTC)).moves()
    kinds = since.values_list(TruncDate("at", tzinfo=UTC), "verb", "from_status", "to_status")
    by_day = defaultdict(list)
    for day, *move in kinds.annotate(number=Count("*")):
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


# As SQL: the ORM has neither percentiles nor LATERAL. Of intervals, which are sorted sooner than
# seconds made of them.
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


def spending(number: int) -> list[tuple[Any, ...]]:
    """What the runs that ended in the last `number` days took: phase, runs, tokens, cost.

    The dearest phase first. Tokens and cost are None where no worker said, the phase is for cards
    without one, or deleted by now.
    """
    since = datetime.now(UTC) - timedelta(days=number)
    ended = Run.objects.filter(ended_at__gte=since).values_list("card_if_any__phase")
    spent = ended.annotate(runs=Count("*"), all_tokens=Sum("tokens"), all_cost=Sum("cost"))
    dearest = (F("all_cost").desc(nulls_last=True), F("all_tokens").desc(nulls_last=True))
    return list(spent.order_by(*dearest, "-runs", "card_if_any__phase")[:MOST_PHASES])
