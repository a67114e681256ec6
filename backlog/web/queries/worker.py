"""One worker: what it did, and when it was heard last."""

from datetime import datetime
from typing import Any, Final

from django.db.models import Aggregate, Count, DurationField, F, Max, Q, Sum

from backlog.models import Card, EndedRun, Event, Rule, Run
from backlog.web.queries import lines

# As many runs are listed, and so much of what was said of each.
RUNS: Final = 50
_SUMMARY: Final = 200

# How a run ends that its worker has not told of.
_BY_OTHERS: Final = ("expired", "cancelled")


class _Median(Aggregate):
    """Of a time; the ORM has none."""

    function = "percentile_cont"
    template = "%(function)s(0.5) WITHIN GROUP (ORDER BY %(expressions)s)%(filter)s"
    output_field = DurationField()


def figures(owner: str, since: datetime) -> dict[str, Any]:
    """Of the runs that ended since then: how many, how many `completed`, half of those within
    `median`, `tokens`, `cost`. Of all that are kept: how many, and when it was `heard` last.

    By one look at the runs, of which no index knows whose they are: a claim would have to write it.
    """
    ended = Q(ended_at__gte=since)
    completed = ended & Q(outcome="completed")
    return EndedRun.objects.filter(owner=owner).aggregate(
        kept=Count("*"),
        runs=Count("card_id", filter=ended),
        completed=Count("card_id", filter=completed),
        median=_Median(
            F("ended_at") - F("started_at"), filter=completed & Q(attempt__isnull=False)
        ),
        tokens=Sum("tokens", filter=ended),
        cost=Sum("cost", filter=ended),
        told=Max("ended_at", filter=~Q(outcome__in=_BY_OTHERS)),
        begun=Max("started_at"),
    )


def last_runs(owner: str) -> list[Any]:
    """The runs that ended last, the latest first, each with the `title` of its card."""
    ended = Run.objects.filter(owner=owner, ended_at__isnull=False).order_by("-ended_at", "-id")
    found = list(lines.runs(ended, _SUMMARY, 0)[:RUNS])
    cards = Card.objects.filter(pk__in={run.card_id for run in found})
    titles = dict(cards.values_list("pk", lines.start("title")))
    for run in found:
        run.title = titles.get(run.card_id)
    return found


def heard(owner: str, figures: dict[str, Any]) -> datetime | None:
    """When it claimed, renewed, or ended a run last."""
    renewed = Card.objects.filter(claim_expires_at__isnull=False, claim_owner=owner).aggregate(
        at=Max("claimed_at")
    )
    moments = (renewed["at"], figures["told"], figures["begun"])
    return max(filter(None, moments), default=None)


def is_known(owner: str) -> bool:
    """Whether somebody of this name did anything, or a rule is about it."""
    ruled = Rule.objects.filter(scope="owner", name=owner)
    return ruled.exists() or Event.objects.filter(actor=owner).exists()
