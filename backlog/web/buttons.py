"""What an operator can do to cards, one or many: the same on the board, the pages and the admin."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django import forms

from backlog import values
from backlog.errors import NotFound, Refusal, Stale, UsageError, WrongState
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, READY, STATUSES
from backlog.models import Card
from backlog.web import access
from backlog.web.forms import BlockForm, CancelForm, DependencyForm, PhaseForm, PriorityForm


class Seen(NamedTuple):
    """A card as the page showed it: what its form sends back."""

    status: str
    updated_at: datetime
    card_id: str

    def __str__(self) -> str:
        return f"{self.status} {self.updated_at.isoformat()} {self.card_id}"

    @classmethod
    def of(cls, card: Any) -> "Seen":
        """As this card (of the table or of the board) is now."""
        return cls(card.status, card.updated_at, card.id)

    @classmethod
    def parse(cls, text: str) -> "Seen":
        """What `str` made. Raises `UsageError`."""
        status, _, rest = text.partition(" ")
        moment, _, card_id = rest.partition(" ")
        if status not in STATUSES:
            raise UsageError("a card to act on is its status, its time and its id")
        return cls(status, values.moment(moment, "the time of the card"), values.name(card_id))


Fields = dict[str, Any]


class Action(NamedTuple):
    """One thing to do to a card.

    It is offered for cards in `statuses`; `form` asks for what it needs to know; `warning` is
    shown once, and must be confirmed, for cards in the statuses `warns`.
    """

    name: str
    label: str
    statuses: tuple[str, ...]
    run: Callable[[Seen, Fields], Any]
    form: type[forms.Form] | None = None
    warning: str = ""
    warns: tuple[str, ...] = STATUSES
    permission: str = access.CHANGE

    def act(self, seen: Seen, fields: Fields) -> None:
        """Do it to the card if it is still as seen. Raises a `Refusal`."""
        if self.run(seen, fields) is None:
            raise NotFound(f"there is no card {seen.card_id} any more")

    def asks(self, cards: Sequence[Seen]) -> bool:
        """Whether it must be confirmed for these cards."""
        return bool(self.warning) and any(seen.status in self.warns for seen in cards)


def _reclaim(seen: Seen, fields: Fields) -> Card | None:
    """Only a lease that is over: one renewed since the page was made leaves no other trace."""
    as_seen = Card.objects.filter(pk=seen.card_id, updated_at=seen.updated_at)
    reclaimed = as_seen.reclaim()
    card = Card.objects.filter(pk=seen.card_id).first()
    if reclaimed or card is None:
        return card
    if card.updated_at != seen.updated_at:
        raise Stale(f"{card.pk} has changed; look at it again")
    raise WrongState(f"cannot reclaim {card.pk}: its lease is not over; release it instead")


def _edit(seen: Seen, fields: Fields) -> Card:
    return Card.objects.edit(seen.card_id, seen=seen.updated_at, **fields)


_ACTIONS: Final = (
    Action(
        "complete",
        "Complete",
        (READY, CLAIMED),
        lambda seen, fields: Card.objects.complete(seen.card_id, seen=seen.updated_at),
        warning="The worker that holds the card cannot complete it any more.",
        warns=(CLAIMED,),
    ),
    Action(
        "block",
        "Block",
        (READY, CLAIMED),
        lambda seen, fields: Card.objects.block(seen.card_id, seen=seen.updated_at, **fields),
        BlockForm,
    ),
    Action(
        "cancel",
        "Cancel",
        (READY, CLAIMED),
        lambda seen, fields: Card.objects.cancel(seen.card_id, seen=seen.updated_at, **fields),
        CancelForm,
        warning="Its worker is told at its next renewal and must stop; the card is blocked.",
        warns=(CLAIMED,),
    ),
    Action(
        "unblock",
        "Unblock",
        (BLOCKED,),
        lambda seen, fields: Card.objects.unblock(seen.card_id, seen=seen.updated_at),
    ),
    Action(
        "reopen",
        "Reopen",
        (DONE,),
        lambda seen, fields: Card.objects.reopen(seen.card_id, seen=seen.updated_at),
        warning="Cards that depend on it and are not done will wait for it again.",
    ),
    Action(
        "release",
        "Release",
        (CLAIMED,),
        lambda seen, fields: Card.objects.release(seen.card_id, seen=seen.updated_at),
        warning="The card goes back to the pool; the worker that holds it loses its claim.",
    ),
    Action("reclaim", "Reclaim", (CLAIMED,), _reclaim),
    Action(
        "priority",
        "Set priority",
        STATUSES,
        _edit,
        PriorityForm,
    ),
    Action(
        "phase",
        "Set phase",
        STATUSES,
        _edit,
        PhaseForm,
    ),
    Action(
        "link",
        "Add dependency",
        STATUSES,
        lambda seen, fields: Card.objects.link(
            seen.card_id, fields["dependency"], seen=seen.updated_at
        ),
        DependencyForm,
    ),
    Action(
        "unlink",
        "Remove dependency",
        STATUSES,
        lambda seen, fields: Card.objects.unlink(
            seen.card_id, fields["dependency"], seen=seen.updated_at
        ),
        DependencyForm,
    ),
    Action(
        "delete",
        "Delete",
        STATUSES,
        lambda seen, fields: Card.objects.delete_card(seen.card_id, seen=seen.updated_at),
        warning="The card is gone for good; its history stays.",
        permission=access.DELETE,
    ),
)

ACTIONS: Final = {action.name: action for action in _ACTIONS}


class Outcome(NamedTuple):
    """What became of one card."""

    card_id: str
    refusal: Refusal | None

    @property
    def stale(self) -> bool:
        """The card had changed since it was shown."""
        return isinstance(self.refusal, Stale)


def act(action: Action, cards: Sequence[Seen], fields: Fields) -> list[Outcome]:
    """Do it to each card in turn, each by itself; what became of each, in the same order."""
    outcomes = []
    for seen in cards:
        try:
            action.act(seen, fields)
        except Refusal as refusal:
            outcomes.append(Outcome(seen.card_id, refusal))
        else:
            outcomes.append(Outcome(seen.card_id, None))
    return outcomes
