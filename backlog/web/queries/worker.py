"""One worker: what it did, and when it was heard last."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import Any, Final, NamedTuple

from django.db.models import Max, Min

from backlog.models import Card, Event
from backlog.planner import row_by_row
from backlog.session import Session
from backlog.verbs.history import last_id
from backlog.web.queries import lines

# As many runs are listed, and so much of what was said of each.
RUNS: Final = 50
_SUMMARY: Final = 200

# As many of the newest events of all cards are looked at for the runs of one worker.
MOST_EVENTS: Final = 50_000
# As many for what it did last, and then more.
_FIRST_LOOK: Final = 1_000


class Ran(NamedTuple):
    """A run that ended; `said` of the latest `RUNS` alone, the beginning of its summary."""

    card_id: str
    attempt: int | None
    started_at: datetime
    ended_at: datetime
    outcome: str
    tokens: int | None
    cost: Decimal | None
    said: str | None

    @property
    def took(self) -> timedelta:
        """From its start to its end."""
        return self.ended_at - self.started_at


def covered(session: Session) -> datetime | None:
    """Since when runs are looked for: the moment of the last of `MOST_EVENTS`; None: ever since."""
    before = last_id(session) - MOST_EVENTS
    # An id may be missing: its transaction was rolled back.
    near = Event.objects.between(before, before + _FIRST_LOOK)
    return near.aggregate(at=Min("at"))["at"] if before > 0 else None


# Whose a run is no index knows: each completion would have to write it. But an event tells of each
# end, in order of time: it is the worker's own, or says who held the card, or is of a deletion.
_OWN: Final = """
SELECT * FROM backlog_ended_run AS own WHERE own.card_id = card.card_id AND owner = %s
    AND ended_at >= coalesce(%s::timestamptz, '-infinity')"""
_RUNS: Final = f"""
WITH card AS MATERIALIZED (
    SELECT DISTINCT card_id FROM backlog_event
    WHERE at >= coalesce(%s::timestamptz, '-infinity') AND (actor = %s
        OR right(note, %s) = %s OR verb = 'delete' AND from_status = 'claimed')
)
SELECT run.card_id, attempt, started_at, ended_at, outcome, tokens, cost,
    CASE WHEN row_number() OVER latest <= {RUNS} THEN left(summary, {_SUMMARY + 1}) END
FROM card CROSS JOIN LATERAL ({row_by_row(_OWN)}) AS run
WINDOW latest AS (ORDER BY ended_at DESC, id DESC) ORDER BY ended_at DESC, id DESC"""


def runs(session: Session, owner: str, since: datetime | None) -> list[Ran]:
    """The runs of this worker that ended since then, the latest first."""
    held = f"held by {owner}"
    asked = (since, owner, len(held), held, owner, since)
    return [Ran._make(row) for row in session.execute(_RUNS, asked).fetchall()]


def titles(ran: Sequence[Ran]) -> dict[str, str]:
    """Of the cards of these runs the beginnings of their titles, by their ids."""
    cards = Card.objects.filter(pk__in={run.card_id for run in ran})
    return dict(cards.values_list("pk", lines.start("title")))


def figures(ran: Sequence[Ran]) -> dict[str, Any]:
    """How many `runs`, how many `completed`, half of those within `median`, `tokens`, `cost`; None
    where no worker said."""
    completed = [run for run in ran if run.outcome == "completed"]
    took = [run.took.total_seconds() for run in completed if run.attempt is not None]
    tokens = [run.tokens for run in ran if run.tokens is not None]
    cost = [run.cost for run in ran if run.cost is not None]
    return {
        "runs": len(ran),
        "completed": len(completed),
        "median": timedelta(seconds=median(took)) if took else None,
        "tokens": sum(tokens) if tokens else None,
        "cost": sum(cost) if cost else None,
    }


def heard(session: Session, owner: str) -> datetime | None:
    """When it renewed, or did anything to a card, last; None: nobody of this name ever did.

    By windows of the last events, each wider than the one before: as long as it was silent.
    """
    held = Card.objects.filter(claim_expires_at__isnull=False, claim_owner=owner)
    last, window = last_id(session), _FIRST_LOOK
    while True:
        newest = Event.objects.between(last - window, last).filter(actor=owner)
        acted = newest.aggregate(at=Max("at"))["at"]
        if acted or window >= last:
            break
        window *= 8
    renewed = held.aggregate(at=Max("claimed_at"))["at"]
    return max(filter(None, (acted, renewed)), default=None)
