"""One card: everything on it, and the forms that make and change it."""

import json
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods, require_safe

from backlog.access import ADD, CHANGE, may, needs, reads
from backlog.actions import ACTIONS, Action, Seen
from backlog.drawing import graph
from backlog.forms import CardForm
from backlog.lifecycle import READY
from backlog.markup import markdown
from backlog.models import Card
from backlog.verbs.cards import show
from backlog.verbs.neighbourhood import neighbourhood

# As much of a card's history as its page shows, and as many ids as a form suggests.
EVENTS = 100
SUGGESTIONS = 200


@reads
@require_safe
def card(request: HttpRequest, card_id: str) -> HttpResponse:
    """Everything about a card; of a deleted one, its history."""
    events = Card.objects.history(card_id, EVENTS)[::-1]
    found = Card.objects.filter(pk=card_id).first()
    context: dict[str, Any] = {"card": found, "card_id": card_id, "events": events}
    if found is None:
        return render(request, "backlog/no_card.html", context, status=404)
    session = Card.objects.session()
    near = neighbourhood(session, card_id)
    states = {node.id: node.state for node in near.nodes}
    context |= {
        "state": states[card_id],
        "body": markdown(found.body or ""),
        "criteria": (criteria := _criteria(show(session, card_id).acceptance)),
        "listed": isinstance(criteria, list),
        "needs": [(needed, states.get(needed)) for needed in found.depends_on],
        "dependents": [(c, states[c]) for c, needed in near.edges if needed == card_id],
        "near": near,
        "graph": graph(near, card_id) if len(near.nodes) > 1 else None,
        "explanation": Card.objects.explain_card(card_id) if found.status == READY else None,
        "seen": str(Seen.of(found)),
        "actions": [(action, _asked(action, found)) for action in _offered(request, found)],
        "may_change": may(request, CHANGE),
        "capped": len(events) == EVENTS,
    }
    return render(request, "backlog/card.html", context)


def _offered(request: HttpRequest, card: Card) -> list[Action]:
    return [
        action
        for action in ACTIONS.values()
        if card.status in action.statuses
        and action.name != "unlink"  # it stands beside each dependency
        and may(request, action.permission)
    ]


def _asked(action: Action, card: Card) -> Any:
    """The empty form of what the action needs to know, with the card's values to begin with."""
    if action.form is None:
        return None
    initial = {"priority": card.priority, "phase": card.phase}
    return action.form(auto_id=f"{action.name}_%s", initial=initial)


def _criteria(acceptance: str | None) -> Any:
    """JSON text: a list of strings as safe HTML each, anything else as it is, digit by digit."""
    parsed = None if acceptance is None else json.loads(acceptance)
    if isinstance(parsed, list) and all(isinstance(item, str) for item in parsed):
        return [markdown(item) for item in parsed]
    return acceptance


@needs(ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A form for a new card; `phase` in the URL is filled in."""
    form = CardForm(request.POST or None, initial={"phase": request.GET.get("phase")})
    if request.method == "POST" and form.is_valid():
        made = form.write()
        messages.success(request, f"Created {made.pk}")
        return redirect("card", made.pk)
    return _form_page(request, form)


@needs(CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, card_id: str) -> HttpResponse:
    """A form for a card's fields; a card changed meanwhile is not overwritten: 409."""
    found = Card.objects.filter(pk=card_id).first()
    if found is None:
        return render(request, "backlog/no_card.html", {"card_id": card_id}, status=404)
    fresh = Card.objects.get(pk=card_id)  # validation writes into its instance
    form = CardForm(request.POST or None, instance=found)
    form.fields["id"].disabled = True
    if request.method == "POST" and form.is_valid():
        form.write()
        messages.success(request, f"Saved {card_id}")
        return redirect("card", card_id)
    return _form_page(request, form, fresh)


def _form_page(request: HttpRequest, form: CardForm, fresh: Card | None = None) -> HttpResponse:
    recent = Card.objects.exclude(status="done").order_by("-priority", "created_at", "id")
    context = {
        "form": form,
        "card": fresh,
        "suggestions": recent.values_list("pk", "title")[:SUGGESTIONS],
    }
    return render(request, "backlog/edit.html", context, status=409 if form.stale else 200)
