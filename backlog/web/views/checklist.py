"""What was seen of the criteria of a card, as its page shows it."""

from collections.abc import Sequence
from typing import Any, Final, NamedTuple

from django.contrib.postgres.fields import ArrayField
from django.db.models import Exists, Func, IntegerField, Max, OuterRef
from django.utils.safestring import SafeString

from backlog.models import Card, Verdict
from backlog.web.markup import LONGEST_FOLDED, Room, folded
from backlog.web.queries import lines

# As many criteria have their verdict on the page.
MOST: Final = 200
_BYTES: Final = 150_000

# What a query of cards finds of them: the numbers of their open criteria, whether any was judged.
OPEN: Final = Func(
    template="backlog_open_criteria(backlog)", output_field=ArrayField(IntegerField())
)
JUDGED: Final = Exists(Verdict.objects.filter(card=OuterRef("pk"), criterion__isnull=False))


class Item(NamedTuple):
    """A criterion: its text, if it is one of a list, what has become of it, its newest verdict."""

    number: int
    text: SafeString | None
    state: str
    verdict: Any


def of(card: Any, criteria: Sequence[SafeString] | None) -> list[Item]:
    """The criteria of a card that was read with `OPEN` as `open`; their texts, where they have
    any."""
    newest, still = _newest(card), set(card.open)
    numbers = sorted(still | newest.keys()) if criteria is None else range(1, len(criteria) + 1)
    room = Room(_BYTES)
    return [
        Item(
            number,
            None if criteria is None else criteria[number - 1],
            _state(verdict := newest.get(number), number in still),
            _shown(verdict, room),
        )
        for number in numbers[:MOST]
    ]


def _newest(card: Card) -> dict[int, Any]:
    of_card = Verdict.objects.filter(card=card.pk)
    anew = of_card.filter(criterion=None).aggregate(last=Max("id"))["last"] or 0
    newest = of_card.filter(id__gt=anew).order_by("criterion", "-id").distinct("criterion")
    read = newest.annotate(said=lines.start("evidence", LONGEST_FOLDED)).defer("evidence")
    return {verdict.criterion: verdict for verdict in read[:MOST]}


def _state(verdict: Any, is_open: bool) -> str:
    if verdict is not None and not verdict.passed:
        return "failed"
    return "open" if is_open else "passed"


def _shown(verdict: Any, room: Room) -> Any:
    """With its evidence, folded."""
    if verdict is not None:
        verdict.said = folded(verdict.said, room)
    return verdict
