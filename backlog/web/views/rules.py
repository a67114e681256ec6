"""Pauses and limits: what holds claims back on purpose, and the forms that set and end it."""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog.errors import NotFound, UsageError
from backlog.models import Card
from backlog.templatetags.backlog import scope
from backlog.verbs import rules
from backlog.web.access import CHANGE, may, needs, reads
from backlog.web.forms import LimitForm, PauseForm
from backlog.web.views.buttons import way_back


@reads
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """What is paused and limited, and the forms for more."""
    return _page(request)


@needs(CHANGE)
@require_POST
def pause(request: HttpRequest) -> HttpResponse:
    """Stop claims of the fleet, a phase or a worker."""
    form = PauseForm(request.POST, auto_id="pause_%s")
    made = _done(form, lambda fields: rules.pause(Card.objects.session(), **fields))
    if made is None:
        return _page(request, pause_form=form)
    messages.success(request, f"Paused: {scope(made)}")
    return redirect(way_back(request, "control"))


@needs(CHANGE)
@require_POST
def resume(request: HttpRequest) -> HttpResponse:
    """Let the claims of that scope go on."""
    ended = rules.resume(Card.objects.session(), *_named(request))
    if ended:
        messages.success(request, f"Resumed: {scope(ended)}")
    else:
        messages.warning(request, "It is not paused any more.")
    return redirect(way_back(request, "control"))


@needs(CHANGE)
@require_POST
def limit(request: HttpRequest) -> HttpResponse:
    """Let no more than `most` cards of that phase or worker be claimed at once."""
    form = LimitForm(request.POST, auto_id="limit_%s")
    made = _done(form, lambda fields: rules.limit(Card.objects.session(), **fields))
    if made is None:
        return _page(request, limit_form=form)
    messages.success(request, f"Limit: {scope(made)}, {made.most} at once")
    return redirect(way_back(request, "control"))


@needs(CHANGE)
@require_POST
def unlimit(request: HttpRequest) -> HttpResponse:
    """Let as many cards of that phase or worker be claimed as there are."""
    try:
        rules.unlimit(Card.objects.session(), *_named(request))
    except NotFound as refusal:
        messages.warning(request, str(refusal))
    else:
        messages.success(request, "The limit is removed.")
    return redirect(way_back(request, "control"))


def _named(request: HttpRequest) -> tuple[str, str]:
    return request.POST.get("scope", ""), request.POST.get("name", "")


def _done[T](form: Form, verb: Callable[[dict[str, Any]], T]) -> T | None:
    """What the verb makes of the form; None if the form has errors, what it refuses among them."""
    if not form.is_valid():
        return None
    try:
        return verb(form.cleaned_data)
    except UsageError as refusal:
        form.add_error(None, str(refusal))
        return None


def _page(
    request: HttpRequest, pause_form: Form | None = None, limit_form: Form | None = None
) -> HttpResponse:
    in_force = rules.in_force(Card.objects.session())
    context = {
        "pauses": in_force.pauses,
        "limits": in_force.limits,
        "pause_form": pause_form or PauseForm(auto_id="pause_%s"),
        "limit_form": limit_form or LimitForm(auto_id="limit_%s"),
        "may_change": may(request, CHANGE),
    }
    return render(request, "backlog/rules.html", context)
