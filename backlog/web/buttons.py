"""What an operator can do to cards, one or many: the same on the board, the pages and the admin."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

from django import forms
from django.http import HttpRequest

from backlog.errors import NotFound, Refusal, Stale, WrongState
from backlog.lifecycle import BLOCKED, CLAIMED, DONE, READY, STATUSES
from backlog.models import Card
from backlog.querysets import CardQuerySet
from backlog.session import ACTOR
from backlog.verbs.rights import allowed
from backlog.web import access
from backlog.web.access import by_account
from backlog.web.forms import BlockForm, CancelForm, DependencyForm, PhaseForm, PriorityForm
from backlog.web.notes import (
    PASSED,
    AnswerForm,
    ChangesForm,
    CommentForm,
    DropForm,
    VerdictForm,
)
from backlog.web.seen import Seen


class Outcome(NamedTuple):
    """What became of one card: done, and how it is now; or why it was refused."""

    card_id: str
    refusal: Refusal | None
    now: Seen | None = None

    @property
    def stale(self) -> bool:
        """The card had changed since it was shown."""
        return isinstance(self.refusal, Stale)


class Button(NamedTuple):
    """One thing to do to a card.

    `does` and `did` are its sentences about a card or cards, before and after. It is offered for
    cards in `statuses`. `verb` takes a queryset, the card's id, `seen`, and by
    name what `form` asks for. `warning` is shown once, and must be confirmed, for cards in the
    statuses `warns`. `to` is the cell that it moves a card to. What it does to a card in a status
    of `undone_from`, the button `undone_by` undoes exactly; a card is then what `undid` of that
    one says.
    """

    name: str
    label: str
    does: str
    did: str
    statuses: tuple[str, ...]
    verb: Callable[..., Any]
    form: type[forms.Form] | None = None
    warning: str = ""
    warns: tuple[str, ...] = STATUSES
    permission: str = access.CHANGE
    to: str = ""
    undone_by: str = ""
    undone_from: tuple[str, ...] = ()
    undid: str = ""

    @property
    def face(self) -> str:
        """The label where a press does not do it yet, but asks for more."""
        return f"{self.label}…" if self.form else self.label

    def said(self, card: str, number: int, *, undoing: bool) -> str:
        """What it did, to the card (or "") or to so many; `undoing` what another one had done."""
        cards = card or number_of(number)
        if not undoing:
            return self.did.format(cards)
        return f"Undone: {cards} {'are' if number > 1 else 'is'} {self.undid}"

    @property
    def blank(self) -> forms.Form | None:
        """Its form for a page that has the forms of several buttons."""
        return self.form(auto_id=f"{self.name}_%s") if self.form else None

    def press(self, seen: Seen, fields: dict[str, Any]) -> Outcome:
        """Do it to the card if it is still as seen."""
        cards, deed = Card.objects.all(), by_account(_VERBS.get(self.name, self.name), seen.card_id)
        try:
            with allowed(cards.session(), deed):
                done = self.verb(cards, seen.card_id, seen=seen.updated_at, **fields)
        except Refusal as refusal:
            return Outcome(seen.card_id, refusal)
        if done is None:
            return Outcome(seen.card_id, NotFound(f"there is no card {seen.card_id} any more"))
        return Outcome(seen.card_id, None, Seen.of(done) if isinstance(done, Card) else None)

    def asks(self, cards: Sequence[Seen]) -> bool:
        """Whether it must be confirmed for these cards."""
        return bool(self.warning) and any(seen.status in self.warns for seen in cards)

    def undo(self, before: Card | None, outcome: Outcome) -> dict[str, Any] | None:
        """What to send to the endpoint to have the card as it was `before`; None: it cannot be."""
        now = outcome.now
        if not before or not now or before.status not in self.undone_from:
            return None
        # Where it takes an answer away, none would bring it back; and nothing may have been done.
        loses = before.answer and self.undone_by in ("block", "unblock")
        loses = loses or ((before.archived_at or before.gated) and self.undone_by == "complete")
        if loses or before.updated_at == now.updated_at:
            return None
        form = BUTTONS[self.undone_by].form
        was = {name: getattr(before, _WAS[name]) for name in form.base_fields} if form else {}
        fields = {name: "" if value is None else value for name, value in was.items()}
        if form and not _says(form(fields), was):
            return None
        return {"action": self.undone_by, "confirmed": 1, **fields}


def _says(form: forms.Form, was: dict[str, Any]) -> bool:
    """Whether it says exactly this: it leaves out blanks at ends, say, that a worker wrote."""
    return form.is_valid() and {k: v or None for k, v in form.cleaned_data.items()} == {
        k: v or None for k, v in was.items()
    }


# What a button does, as the command has it.
_VERBS: Final = {
    "answer": "unblock",
    "priority": "edit",
    "phase": "edit",
    "publish": "plan publish",
}

# Of a field of what undoes something, the column that tells how it was.
_WAS: Final = {
    **{"phase": "phase", "priority": "priority"},
    **{"reason": "block_reason", "note": "block_note"},
}


def _reclaim(cards: CardQuerySet, card_id: str, *, seen: datetime) -> Card | None:
    """Only a lease that is over: one renewed since the page was made leaves no other trace."""
    reclaimed = cards.filter(pk=card_id, updated_at=seen).reclaim()
    card = cards.filter(pk=card_id).first()
    if reclaimed or card is None:
        return card
    if card.updated_at != seen:
        raise Stale(f"{card_id} has changed; look at it again")
    raise WrongState(f"cannot reclaim {card_id}: its lease is not over; release it instead")


def _comment(cards: CardQuerySet, card_id: str, *, note: str, seen: datetime) -> Any:
    """Whatever has changed since: it overwrites nothing."""
    return cards.comment(card_id, note)


def _link(cards: CardQuerySet, card_id: str, *, dependency: str, seen: datetime) -> Any:
    return cards.link(card_id, dependency.strip(), seen=seen)


def _unlink(cards: CardQuerySet, card_id: str, *, dependency: str, seen: datetime) -> Any:
    return cards.unlink(card_id, dependency.replace("\r\n", "\n"), seen=seen)


def _publish(cards: CardQuerySet, card_id: str, *, seen: datetime) -> Any:
    if cards.filter(pk=card_id, draft=False).exists():
        raise WrongState(f"cannot publish {card_id}: it is no draft")
    return cards.edit(card_id, seen=seen, draft=False)


def _verify(
    cards: CardQuerySet, card_id: str, *, seen: datetime, verdict: str, commit: str, **said: Any
) -> Any:
    more: dict[str, Any] = {"by": ACTOR.get(), "commit": commit or None, "seen": seen}
    return cards.verify(card_id, passed=verdict == PASSED, **said, **more)


def _request_changes(cards: CardQuerySet, card_id: str, *, note: str, seen: datetime) -> Any:
    return cards.request_changes(card_id, note, ACTOR.get(), seen=seen)


_BUTTONS: Final = (
    Button("publish", "Publish", "Publish {}", "Published {}", (READY, BLOCKED), _publish),
    Button(
        "complete",
        "Complete",
        "Complete {}",
        "Completed {}",
        (READY, CLAIMED),
        CardQuerySet.complete,
        warning="The worker that holds the card cannot complete it any more.",
        warns=(CLAIMED,),
        to=DONE,
        undone_by="reopen",
        undone_from=(READY,),
        undid="done again",
    ),
    Button(
        "block",
        "Block",
        "Block {}",
        "Blocked {}",
        (READY, CLAIMED),
        CardQuerySet.block,
        BlockForm,
        to=BLOCKED,
        undone_by="unblock",
        undone_from=(READY,),
        undid="blocked again",
    ),
    Button(
        "cancel",
        "Cancel card",
        "Cancel {}",
        "Cancelled {}",
        (READY, CLAIMED),
        CardQuerySet.cancel,
        CancelForm,
        warning="Its worker is told at its next renewal and must stop; the card is blocked.",
        warns=(CLAIMED,),
        undone_by="unblock",
        undone_from=(READY,),
    ),
    Button(
        "unblock",
        "Unblock",
        "Unblock {}",
        "Unblocked {}",
        (BLOCKED,),
        CardQuerySet.unblock,
        to=READY,
        undone_by="block",
        undone_from=(BLOCKED,),
        undid="ready again",
    ),
    Button(
        "answer",
        "Answer and unblock",
        "Answer {}",
        "Answered and unblocked {}",
        (BLOCKED,),
        CardQuerySet.unblock,
        AnswerForm,
        undone_by="block",
        undone_from=(BLOCKED,),
    ),
    Button(
        "verify",
        "Give verdict",
        "Give a verdict on {}",
        "Gave a verdict on {}",
        (READY, CLAIMED, BLOCKED),
        _verify,
        VerdictForm,
    ),
    Button(
        "request-changes",
        "Request changes",
        "Request changes of {}",
        "Requested changes of {}",
        (BLOCKED,),
        _request_changes,
        ChangesForm,
    ),
    Button(
        "reopen",
        "Reopen",
        "Reopen {}",
        "Reopened {}",
        (DONE,),
        CardQuerySet.reopen,
        warning="Cards that depend on it and are not done will wait for it again.",
        to=READY,
        undone_by="complete",
        undone_from=(DONE,),
        undid="ready again",
    ),
    Button(
        "release",
        "Release",
        "Release {}",
        "Released {}",
        (CLAIMED,),
        CardQuerySet.release,
        warning="The card goes back to the pool; the worker that holds it loses its claim.",
        to=READY,
    ),
    Button("reclaim", "Reclaim", "Reclaim {}", "Reclaimed {}", (CLAIMED,), _reclaim),
    Button(
        "comment", "Comment", "Comment on {}", "Commented on {}", STATUSES, _comment, CommentForm
    ),
    Button(
        "priority",
        "Set priority",
        "Set the priority of {}",
        "Set the priority of {}",
        STATUSES,
        CardQuerySet.edit,
        PriorityForm,
        undone_by="priority",
        undone_from=STATUSES,
        undid="at the priority of before",
    ),
    Button(
        "phase",
        "Set phase",
        "Set the phase of {}",
        "Set the phase of {}",
        STATUSES,
        CardQuerySet.edit,
        PhaseForm,
        undone_by="phase",
        undone_from=STATUSES,
        undid="in the phase of before",
    ),
    Button(
        "link",
        "Add dependency",
        "Add a dependency to {}",
        "Added a dependency to {}",
        STATUSES,
        _link,
        DependencyForm,
    ),
    Button(
        "unlink",
        "Remove dependency",
        "Remove a dependency from {}",
        "Removed a dependency from {}",
        STATUSES,
        _unlink,
        DependencyForm,
    ),
    Button(
        "drop",
        "Drop card",
        "Drop {}",
        "Dropped {}",
        (READY, CLAIMED, BLOCKED),
        CardQuerySet.drop,
        DropForm,
        warning="Its worker is told at its next renewal and must stop.",
        warns=(CLAIMED,),
    ),
    Button(
        "archive",
        "Archive",
        "Archive {}",
        "Archived {}",
        (DONE,),
        CardQuerySet.archive,
    ),
    Button(
        "delete",
        "Delete",
        "Delete {}",
        "Deleted {}",
        STATUSES,
        CardQuerySet.delete_card,
        warning="The card is gone for good; its history stays.",
        permission=access.DELETE,
    ),
)

BUTTONS: Final = {button.name: button for button in _BUTTONS}


def number_of(cards: int) -> str:
    """So many cards, in a sentence."""
    return f"{cards or 'no'} card{'' if cards in (0, 1) else 's'}"


# What is done to one card at a time.
LINKS: Final = ("link", "unlink", "verify", "request-changes")
# What drafts alone are for.
PUBLISH: Final = "publish"
# What has its place on the card's own page, beside what it is about.
SAID: Final = ("answer", "comment", "verify", "request-changes")


def elsewhere(*, drafts: bool) -> Sequence[str]:
    """What is not offered for a selection, where there are `drafts` or none."""
    return LINKS if drafts else (*LINKS, PUBLISH)


def offered(
    request: HttpRequest, status: str | None = None, *, without: Sequence[str]
) -> list[Button]:
    """What this account may do to a card in this status, `without` what has its place elsewhere.

    None: to cards that it selects; how they stand is seen at the press.
    """
    return [
        button
        for button in BUTTONS.values()
        if button.name not in without
        and (status is None or status in button.statuses)
        and access.may(request, button.permission)
    ]
