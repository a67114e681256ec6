"""Pauses, limits and budgets: what holds claims back on purpose, and the forms for it."""

from collections.abc import Callable

from django.contrib import messages
from django.forms import Form
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog.errors import Busy, NotFound, UsageError
from backlog.models import Card
from backlog.templatetags.backlog import line, scope
from backlog.verbs import budgets, rules
from backlog.web.access import CHANGE, acts, may, needs, reads
from backlog.web.labels import refuse
from backlog.web.live import follows
from backlog.web.navigation import way_back
from backlog.web.rule_forms import BudgetForm, LimitForm, PauseForm


@reads
@require_safe
@follows
def page(request: HttpRequest) -> HttpResponse:
    """What is paused and limited, and the forms for more."""
    return _page(request)


@needs(CHANGE)
@require_POST
@acts("pause")
def pause(request: HttpRequest) -> HttpResponse:
    """Stop claims of the fleet, a phase or a worker."""
    form = PauseForm(request.POST, auto_id="pause_%s")
    made = _done(form, rules.pause)
    if made is None:
        return _page(request, pause_form=form)
    return _made(request, made, f"Paused: {scope(made)}")


@needs(CHANGE)
@require_POST
@acts("resume")
def resume(request: HttpRequest) -> HttpResponse:
    """Let the claims of that scope go on."""
    ended = rules.resume(Card.objects.session(), *_named(request))
    if ended is None:
        return _back(request, messages.WARNING, "It is not paused any more.")
    return _back(request, messages.SUCCESS, f"Resumed: {scope(ended)}")


@needs(CHANGE)
@require_POST
@acts("limit")
def limit(request: HttpRequest) -> HttpResponse:
    """Let no more than `most` cards of that phase or worker be claimed at once."""
    form = LimitForm(request.POST, auto_id="limit_%s")
    made = _done(form, rules.limit)
    if made is None:
        return _page(request, limit_form=form)
    return _made(request, made, f"Limit: {scope(made)}, {made.most} at once")


@needs(CHANGE)
@require_POST
@acts("unlimit")
def unlimit(request: HttpRequest) -> HttpResponse:
    """Let as many cards of that phase or worker be claimed as there are."""
    try:
        rules.unlimit(Card.objects.session(), *_named(request))
    except NotFound as refusal:
        return _back(request, messages.WARNING, str(refusal))
    return _back(request, messages.SUCCESS, "The limit is removed.")


@needs(CHANGE)
@require_POST
@acts("budget")
def budget(request: HttpRequest) -> HttpResponse:
    """Let the runs of that phase take no more than so much before its claims stop."""
    form = BudgetForm(request.POST, auto_id="budget_%s")
    made = _done(form, budgets.budget)
    if made is None:
        return _page(request, budget_form=form)
    return _made(request, made, f"Budget: phase {line(made.phase)}, {made.spent_of}")


@needs(CHANGE)
@require_POST
@acts("unbudget")
def unbudget(request: HttpRequest) -> HttpResponse:
    """Let the runs of that phase take whatever they take."""
    try:
        budgets.unbudget(Card.objects.session(), request.POST.get("phase", ""))
    except NotFound as refusal:
        return _back(request, messages.WARNING, str(refusal))
    return _back(request, messages.SUCCESS, "The budget is removed.")


def _named(request: HttpRequest) -> tuple[str, str]:
    return request.POST.get("scope", ""), request.POST.get("name", "")


def _back(request: HttpRequest, level: int, message: str) -> HttpResponse:
    messages.add_message(request, level, message)
    return redirect(way_back(request, "control"))


def _made(
    request: HttpRequest, made: rules.Pause | rules.Limit | budgets.Budget, said: str
) -> HttpResponse:
    if note := rules.of_nothing(Card.objects.session(), made):
        messages.warning(request, f"{note[0].upper()}{note[1:]}.")
    return _back(request, messages.SUCCESS, said)


def _done[T](form: Form, verb: Callable[..., T]) -> T | None:
    """What the verb makes of the form; None if the form has errors, what it refuses among them."""
    if not form.is_valid():
        return None
    try:
        return verb(Card.objects.session(), **form.cleaned_data)
    except (UsageError, Busy) as refusal:
        # A rule calls its name by its scope.
        called = {form.data.get("scope", "scope"): "name", "max": "most"}
        refuse(form, refusal, **called)
        return None


def _page(request: HttpRequest, **sent: Form) -> HttpResponse:
    """The page, its forms empty but for one that was sent and refused."""
    session = Card.objects.session()
    in_force = rules.in_force(session)
    known: dict[str, list[str]] = {}
    context = {
        "pauses": [(each, rules.of_nothing(session, each, known)) for each in in_force.pauses],
        "limits": [(each, rules.of_nothing(session, each, known)) for each in in_force.limits],
        "budgets": [
            (each, rules.of_nothing(session, each, known)) for each in budgets.budgets(session)
        ],
        "budget_form": BudgetForm(auto_id="budget_%s"),
        "pause_form": PauseForm(auto_id="pause_%s"),
        "limit_form": LimitForm(auto_id="limit_%s"),
        **sent,
        "may_change": may(request, CHANGE),
    }
    return render(request, "backlog/rules.html", context)
