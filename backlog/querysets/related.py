"""Querysets of what stands beside the cards: their events, their runs, the rules for claims."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

from django.db import models
from django.db.models import Count, F, Sum

from backlog.verbs.history import SAID

if TYPE_CHECKING:
    from backlog.models import Event, Rule, Run, RunOutput  # noqa: F401 (named in quotes)


class EventQuerySet(models.QuerySet["Event"]):
    """Events, in the order in which they were given their ids."""

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def changes(self) -> Self:
        """Those that changed their card: all but what was said of it."""
        return self.exclude(verb__in=SAID)

    def between(self, low: int, high: int) -> Self:
        """Those with ids above `low`, up to `high`: a range that the BRIN index finds."""
        return self.filter(id__gt=low, id__lte=high)


class RunQuerySet(models.QuerySet["Run"]):
    """Runs of cards: those that are over, and the one that is open, which is the last."""

    def newest_first(self) -> Self:
        return self.order_by("-id")

    def spent(self) -> dict[str, Any]:
        """What they took together: `runs`, `tokens`, `cost`; None where no worker said."""
        return self.aggregate(runs=Count("*"), tokens=Sum("tokens"), cost=Sum("cost"))


class RunOutputQuerySet(models.QuerySet["RunOutput"]):
    """What the commands of runs printed."""

    def last_lines(self, cards: Iterable[str]) -> dict[str, str]:
        """Of each of these cards that is claimed, the last line of what its command printed, where
        it has printed any. One look-up for all; of what is long nothing is read."""
        held = self.filter(card__in=list(cards), card__claim_expires_at__isnull=False)
        of_claims = held.filter(attempt=F("card__attempts")).exclude(last_line="")
        return dict(of_claims.values_list("card_id", "last_line"))


class RuleQuerySet(models.QuerySet["Rule"]):
    """What holds claims back."""

    def pauses(self) -> Self:
        """Oldest first."""
        return self.filter(kind="pause").order_by("since", "scope", "name")
