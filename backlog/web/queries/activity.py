"""What happened to all cards, in pages: the events by their ids, the newest first."""

from typing import Final, NamedTuple

from backlog.models import Card, Event
from backlog.querysets import EventQuerySet, RunQuerySet
from backlog.verbs.history import last_id

PAGE: Final = 50
# As many events is "lately", where nobody pages back.
RECENT: Final = 1_000


class Activity(NamedTuple):
    """A page of events, the newest first, and whether there are older and newer ones."""

    events: list[Event]
    older: bool
    newer: bool


def activity(
    chosen: EventQuerySet, before: int | None = None, after: int | None = None
) -> Activity:
    """The newest of these events with ids below `before`, or the oldest with ids above `after`."""
    last = last_id(Card.objects.session())
    if after is not None:
        found = _first(chosen, after, last, upwards=True)
        older = bool(_first(chosen, 0, after, most=1))
        return Activity(found[:PAGE][::-1], older, len(found) > PAGE)
    high = last if before is None else min(before - 1, last)
    found = _first(chosen, 0, high)
    newer = before is not None and bool(_first(chosen, high, last, most=1))
    return Activity(found[:PAGE], len(found) > PAGE, newer)


def recent(chosen: EventQuerySet) -> EventQuerySet:
    """Those of them that are among the last events of all."""
    return chosen.filter(id__gt=last_id(Card.objects.session()) - RECENT)


def recent_runs(chosen: RunQuerySet) -> RunQuerySet:
    """Those of them that are of cards at work, or of cards to which something happened lately.

    Every run ends with an event of its card, so the newest runs are among them; no index has runs
    in their order. By a list of ids: with a join, the planner may read the table of runs.
    """
    cards = set(recent(Event.objects.all()).values_list("card_id", flat=True))
    cards.update(Card.objects.filter(claim_expires_at__isnull=False).values_list("pk", flat=True))
    return chosen.filter(card_id__in=sorted(cards))


def _first(
    chosen: EventQuerySet, low: int, high: int, *, upwards: bool = False, most: int = PAGE + 1
) -> list[Event]:
    """The first events with ids above `low`, up to `high`, from either end.

    No b-tree has the ids of all events in their order: every claim would have to write it. The
    BRIN index finds a range of them, so a window of ids is asked for that widens as it moves on.
    """
    found: list[Event] = []
    width = 4 * PAGE
    while low < high and len(found) < most:
        if upwards:
            window = chosen.between(low, low := min(low + width, high)).order_by("id")
        else:
            window = chosen.between(max(low, high - width), high).newest_first()
            high -= width
        found += window[: most - len(found)]
        width *= 8
    return found
