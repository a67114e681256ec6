"""Acting on cards: one endpoint for one card or many, from whichever page."""

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render, resolve_url
from django.utils.http import url_has_allowed_host_and_scheme
from django.views.decorators.http import require_POST

from backlog.errors import UsageError
from backlog.models import Card, Event
from backlog.web.access import VIEW, may, needs
from backlog.web.buttons import ACTIONS, Action, Outcome, Seen
from backlog.web.buttons import act as act_on


@needs(VIEW)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Do `action` to each `card` (as `Seen` writes it), or what `one` names to the card it names.

    What the action needs to know is asked for first, a warning confirmed once. One card: back to
    `next` with a message, or 409 and the card as it is now.
    """
    name, texts = _asked(request)
    action = ACTIONS.get(name)
    if action is None:
        raise UsageError(f"action must be one of {', '.join(ACTIONS)}")
    if not may(request, action.permission):
        return render(request, "403.html", status=403)
    cards = [Seen.parse(text) for text in dict.fromkeys(texts)]
    if not cards:
        messages.warning(request, f"{action.label}: select a card first.")
        return redirect(way_back(request))
    form = _form(request, action)
    unconfirmed = action.asks(cards) and "confirmed" not in request.POST
    if (form is not None and not form.is_valid()) or unconfirmed:
        context = {"action": action, "cards": cards, "form": form, "next": way_back(request)}
        context["warning"] = action.warning if action.asks(cards) else ""
        return render(request, "backlog/ask.html", context)
    outcomes = act_on(action, cards, form.cleaned_data if form is not None else {})
    return _answer(request, action, outcomes)


def _asked(request: HttpRequest) -> tuple[str, list[str]]:
    """The action and its cards; a button of a single card has both, whatever else is selected."""
    name, _, card = request.POST.get("one", "").partition(" ")
    if card:
        return name, [card]
    return request.POST.get("action", ""), request.POST.getlist("card")


def offered(request: HttpRequest) -> list[Action]:
    """What this account may do to cards that it selects; how they stand is seen at the act."""
    one_by_one = ("link", "unlink")
    return [
        action
        for action in ACTIONS.values()
        if action.name not in one_by_one and may(request, action.permission)
    ]


def _form(request: HttpRequest, action: Action) -> Form | None:
    """The form of what the action needs to know: bound once anything of it was sent."""
    if action.form is None:
        return None
    sent = action.form.base_fields.keys() & request.POST.keys()
    return action.form(request.POST) if sent else action.form()


def _answer(request: HttpRequest, action: Action, outcomes: list[Outcome]) -> HttpResponse:
    refused = [outcome for outcome in outcomes if outcome.refusal]
    if not refused and len(outcomes) == 1:
        messages.success(request, f"{action.label}: {outcomes[0].card_id}")
        return redirect(way_back(request))
    if len(outcomes) > 1:
        context = {
            "action": action,
            "outcomes": outcomes,
            "refused": len(refused),
            "done": len(outcomes) - len(refused),
            "next": way_back(request),
        }
        return render(request, "backlog/outcomes.html", context)
    (outcome,) = refused
    assert outcome.refusal is not None  # noqa: S101 (for the type checker: it is among the refused)
    fresh = Card.objects.filter(pk=outcome.card_id).first()
    context = {
        "action": action,
        "outcome": outcome,
        "card": fresh,
        "last": Event.objects.filter(card_id=outcome.card_id).newest_first().first(),
        "next": way_back(request),
    }
    return render(request, "backlog/refused.html", context, status=outcome.refusal.http_status)


def way_back(request: HttpRequest, otherwise: str = "board") -> str:
    """Where the operator came from; only ever a page of this site."""
    target = request.POST.get("next", "")
    safe = url_has_allowed_host_and_scheme(
        target, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return target if target and safe else resolve_url(otherwise)
