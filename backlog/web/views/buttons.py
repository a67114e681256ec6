"""Pressing a button: one endpoint for one card or many, from whichever page."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from backlog import values
from backlog.models import Card, Event
from backlog.web.access import VIEW, may, needs
from backlog.web.buttons import BUTTONS, Button, Outcome, Seen, number_of


@needs(VIEW)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Press the button `action` for each `card` (as `Seen` writes it), or what `one` names for the
    card it names.

    What the button needs to know is asked for first, a warning confirmed once. One card: back to
    `next` with a message, or 409 and the card as it is now.
    """
    name, texts = _asked(request)
    button = BUTTONS[values.one_of(name, "action", BUTTONS)]
    if not may(request, button.permission):
        return render(request, "403.html", status=403)
    cards = [Seen.parse(text) for text in dict.fromkeys(texts)]
    if not cards:
        messages.warning(request, f"{button.label}: select a card first.")
        return redirect(way_back(request))
    form = _form(request, button)
    unconfirmed = button.asks(cards) and "confirmed" not in request.POST
    if (form is not None and not form.is_valid()) or unconfirmed:
        return ask(request, button, cards, form, way_back(request))
    fields = form.cleaned_data if form is not None else {}
    return _answer(request, button, fields, [button.press(seen, fields) for seen in cards])


def _asked(request: HttpRequest) -> tuple[str, list[str]]:
    """The button and its cards; that of a single card has both, whatever else is selected."""
    name, _, card = request.POST.get("one", "").partition(" ")
    if card:
        return name, [card]
    return request.POST.get("action", ""), request.POST.getlist("card")


def _form(request: HttpRequest, button: Button) -> Form | None:
    """The form of what the button needs to know: bound once anything of it was sent."""
    if button.form is None:
        return None
    sent = button.form.base_fields.keys() & request.POST.keys()
    return button.form(request.POST) if sent else button.form()


def ask(
    request: HttpRequest, button: Button, cards: Sequence[Seen], form: Form | None, back: str
) -> HttpResponse:
    """The page that asks for what the button needs to know, and for a confirmation."""
    context = {
        "button": button,
        "cards": cards,
        "named": [seen.card_id for seen in cards],
        "does": button.does.format(cards[0].card_id if len(cards) == 1 else number_of(len(cards))),
        "form": form,
        "next": back,
        "warning": button.warning if button.asks(cards) else "",
    }
    return render(request, "backlog/ask.html", context)


def _answer(
    request: HttpRequest, button: Button, fields: dict[str, Any], outcomes: list[Outcome]
) -> HttpResponse:
    """What became of each card; where one is refused, with what was typed, which is not lost."""
    context: dict[str, Any] = {"button": button, "next": way_back(request)}
    context["typed"] = fields.get("note")
    if len(outcomes) > 1:
        refused = sum(outcome.refusal is not None for outcome in outcomes)
        did = button.did.format(number_of(len(outcomes) - refused))
        context |= {"outcomes": outcomes, "refused": refused, "did": did}
        return render(request, "backlog/outcomes.html", context)
    (outcome,) = outcomes
    if outcome.refusal is None:
        messages.success(request, f"{button.did.format(outcome.card_id)}.")
        return redirect(way_back(request))
    context |= {"outcome": outcome, "does": button.does.format(outcome.card_id)}
    context["card"] = Card.objects.defer("body", "acceptance").filter(pk=outcome.card_id).first()
    context["last"] = Event.objects.filter(card_id=outcome.card_id).changes().newest_first().first()
    return render(request, "backlog/refused.html", context, status=outcome.refusal.http_status)


def way_back(request: HttpRequest, otherwise: str = "board") -> str:
    """Where the operator came from; only ever a page of this site."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and safe else resolve_url(otherwise)
