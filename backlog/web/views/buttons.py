"""Pressing a button: one endpoint for one card or many, from whichever page."""

import json
from collections.abc import Sequence
from itertools import batched
from typing import Any, Final, NamedTuple, Self

from django.contrib import messages
from django.db import transaction
from django.forms import Form
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.utils.datastructures import MultiValueDict
from django.utils.http import urlencode
from django.views.decorators.http import require_POST

from backlog import values
from backlog.errors import Busy, UsageError
from backlog.models import Card, Event
from backlog.web.access import VIEW, may, needs
from backlog.web.buttons import BUTTONS, Button, Outcome, number_of
from backlog.web.choice import Choice
from backlog.web.navigation import way_back
from backlog.web.queries.listing import matching
from backlog.web.seen import Seen

# As many cards are acted on at once.
MOST: Final = 10_000
# Of more than so many, each is no field of the form that asks, and no row of what became of them.
MANY: Final = 100
# As many of these are committed together.
A_COMMIT: Final = 50
# As long, in characters, is what a message keeps to undo.
LONGEST_UNDO: Final = 20_000


class Press(NamedTuple):
    """What is to be done: a button, the cards as they were seen, what it was told.

    `all_matching`: the cards are what matched a filter, which nobody has looked at one by one.
    """

    button: Button
    cards: list[Seen]
    form: Form | None
    confirmed: bool
    all_matching: bool = False

    @classmethod
    def read(cls, sent: QueryDict) -> Self:
        """As a form sent it. Raises `UsageError`."""
        name, _, one = sent.get("one", "").partition(" ")
        # That of a single card has both, whatever else is selected.
        button = BUTTONS[values.one_of(name if one else sent.get("action", ""), "action", BUTTONS)]
        query = None if one else sent.get("matching")
        if query is not None:
            cards = _all_matching(button, query)
        else:
            cards = [Seen.parse(text) for text in dict.fromkeys([one] if one else _texts(sent))]
        if len(cards) > MOST:
            raise UsageError(f"at most {MOST:,} cards at once: filter the list first")
        form = _form(button, sent, cards)
        return cls(button, cards, form, "confirmed" in sent, query is not None)

    @property
    def asks(self) -> bool:
        """Whether it needs to know more, or to be confirmed."""
        unsure = self.all_matching or self.button.asks(self.cards)
        return (unsure and not self.confirmed) or bool(self.form and not self.form.is_valid())

    @property
    def fields(self) -> dict[str, Any]:
        """What the button was told."""
        return self.form.cleaned_data if self.form else {}

    def run(self) -> list[Outcome]:
        """Press it for each card, by itself: one that is refused does not undo the rest.

        Of very many some share a commit, which takes longer than what is committed. They are locked
        in the order of ids; one that others kept all the same is pressed again when these are free.
        """
        if len(self.cards) <= MANY:
            return [self._of(seen) for seen in self.cards]
        outcomes: list[Outcome] = []
        for some in batched(sorted(self.cards, key=lambda seen: seen.card_id), A_COMMIT):
            with transaction.atomic():
                tried = [self._of(seen) for seen in some]
            outcomes += [
                self._of(seen) if isinstance(outcome.refusal, Busy) else outcome
                for seen, outcome in zip(some, tried, strict=True)
            ]
        return outcomes

    def _of(self, seen: Seen) -> Outcome:
        return self.button.press(seen, self.fields)


def _texts(sent: QueryDict) -> list[str]:
    """The cards of a form: a field each, and of very many one field, a list as JSON."""
    try:
        many = json.loads(sent.get("cards") or "[]")
    except (ValueError, RecursionError):
        many = None
    if not isinstance(many, list) or not all(isinstance(text, str) for text in many):
        raise UsageError("cards must be a list of cards as the page showed them")
    return [*sent.getlist("card"), *many]


def _all_matching(button: Button, query: str) -> list[Seen]:
    """All that the list of this query string shows and the button is for, as they are now."""
    found = matching(Choice.read(QueryDict(query.removeprefix("?"))).filter).filter(
        status__in=button.statuses
    )
    return [Seen.of(card) for card in found[: MOST + 1]]


def _form(button: Button, sent: MultiValueDict[str, str], cards: list[Seen]) -> Form | None:
    """The form of what the button needs to know: bound once anything of it was sent; else it begins
    with what a single card has."""
    if button.form is None:
        return None
    if button.form.base_fields.keys() & sent.keys():
        return button.form(sent)
    if len(cards) > 1 or button.name not in button.form.base_fields:
        return button.form()
    has = Card.objects.filter(pk__in=[seen.card_id for seen in cards]).values(button.name).first()
    return button.form(initial=has)


@needs(VIEW)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Press the button `action` for each `card` (as `Seen` writes it), for all cards that match the
    query string `matching`, or what `one` names for the card it names; or what `undo` says, which
    is made of such requests.

    What the button needs to know is asked for first, a warning confirmed once. Back to `next` with
    a message; where something is refused a page says what, of one card as 409 and how it is now. A
    page's script is given the message alone.
    """
    undo = request.POST.get("undo", "").split()
    presses = [Press.read(sent) for sent in (map(QueryDict, undo) if undo else [request.POST])]
    if not all(may(request, press.button.permission) for press in presses):
        return render(request, "403.html", status=403)
    button, back = presses[0].button, way_back(request)
    for press in presses:
        if not press.cards:
            nothing = (
                "no card is in a state for it" if press.all_matching else "select a card first"
            )
            messages.warning(request, f"{press.button.label}: {nothing}.")
            return _said(request, back)
        if press.asks:
            return ask(request, button, press.cards, press.form, back, unseen=press.all_matching)
    seen = [seen for press in presses for seen in press.cards]
    before = _as_seen(button, seen)
    outcomes = [outcome for press in presses for outcome in press.run()]
    context: dict[str, Any] = {"undo": _undo(button, before, outcomes)}
    if not undo:
        context["form"] = presses[0].form
    return _answer(request, button, outcomes, context, undoing=bool(undo))


def _said(request: HttpRequest, back: str) -> HttpResponse:
    """Back, where the message is shown; htmx, which stays on the page, puts it there."""
    if "HX-Request" not in request.headers:
        return redirect(back)
    page = render(request, "backlog/_messages.html", {"next": back})
    page["HX-Retarget"], page["HX-Reselect"] = ".messages", ".messages > *"
    return page


def ask(
    request: HttpRequest,
    button: Button,
    cards: Sequence[Seen],
    form: Form | None,
    back: str,
    *,
    unseen: bool = False,
) -> HttpResponse:
    """The page that asks for what the button needs to know, and for a confirmation.

    `unseen`: nobody has looked at the cards one by one."""
    context = {
        "button": button,
        "cards": cards if len(cards) <= MANY else [],
        "many": json.dumps(list(map(str, cards))) if len(cards) > MANY else "",
        "named": [seen.card_id for seen in cards],
        "does": button.does.format(cards[0].card_id if len(cards) == 1 else number_of(len(cards))),
        "form": form,
        "next": back,
        "warning": button.warning if button.asks(cards) else "",
        "unseen": unseen,
    }
    return render(request, "backlog/ask.html", context)


def _as_seen(button: Button, cards: Sequence[Seen]) -> dict[str, Card]:
    """The cards that an undo would lead back to, if there is one, by id."""
    if not button.undone_by or len(cards) > MANY:
        return {}
    columns = ("status", "phase", "priority", "block_reason", "block_note", "answer", "updated_at")
    return Card.objects.only(*columns, "archived_at", "gated").in_bulk(
        [seen.card_id for seen in cards]
    )


def _undo(button: Button, before: dict[str, Card], outcomes: Sequence[Outcome]) -> str:
    """What the field `undo` sends to take back what was done: requests, a blank between two.

    Nothing, where not all of it can be taken back.
    """
    steps: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.refusal is None:
            fields = button.undo(before.get(outcome.card_id), outcome)
            if fields is None:
                return ""
            steps.setdefault(urlencode(fields), []).append(str(outcome.now))
    requests = [f"{step}&{urlencode({'card': cards}, doseq=True)}" for step, cards in steps.items()]
    undo = " ".join(requests)
    return undo if len(undo) <= LONGEST_UNDO else ""


def _answer(
    request: HttpRequest,
    button: Button,
    outcomes: Sequence[Outcome],
    context: dict[str, Any],
    *,
    undoing: bool,
) -> HttpResponse:
    """What became of each card; where one is refused, with what was typed, which is not lost: of
    one card in a form, to be sent again for the card as it is now."""
    back = way_back(request)
    refused = [outcome for outcome in outcomes if outcome.refusal]
    only = outcomes[0].card_id if len(outcomes) == 1 else ""
    did = button.said(only, len(outcomes) - len(refused), undoing=undoing)
    if not refused:
        messages.success(request, f"{did}.", extra_tags=context["undo"])
        return _said(request, back)
    context |= {"button": button, "next": back, "did": did}
    if not only:
        context |= {
            "outcomes": outcomes if len(outcomes) <= MANY else refused[:MANY],
            "left_out": len(outcomes) > MANY,
            "refused": len(refused),
            "changed": sum(outcome.stale for outcome in refused),
        }
        return render(request, "backlog/outcomes.html", context)
    (outcome,) = outcomes
    context |= {"outcome": outcome, "does": "Undo" if undoing else button.does.format(only)}
    card = Card.objects.with_state().defer("body", "acceptance").filter(pk=only).first()
    context["card"] = card
    if card and card.status in button.statuses:
        context |= {"again": context.get("form"), "seen": Seen.of(card)}
    context["last"] = Event.objects.filter(card_id=only).changes().newest_first().first()
    status = outcome.refusal.http_status if outcome.refusal else 200
    return render(request, "backlog/refused.html", context, status=status)
