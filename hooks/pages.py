"""Webhooks and notifications: who is told of what, what became of it, and the form for more."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog import values
from backlog.errors import NotAllowed, NotFound, Refusal, WrongState
from backlog.models import Card
from backlog.session import Session
from backlog.verbs.rights import allowed
from backlog.web.access import CHANGE, by_account, may, needs, reads
from backlog.web.forms import NAME
from hooks.verbs import outbox, webhooks
from hooks.verbs.webhooks import Added, Rotated
from hooks.words import EVENTS, LONGEST_URL

# As many deliveries are shown.
MOST: Final = 100


class WebhookForm(forms.Form):
    """Whom to tell, and of what."""

    url = forms.CharField(
        label="URL",
        max_length=LONGEST_URL,
        widget=forms.TextInput({"autocomplete": "off", "spellcheck": "false"}),
        help_text="https://… is posted to, signed; any other is apprise's, such as slack://…",
    )
    events = forms.MultipleChoiceField(
        choices=[(name, name) for name in EVENTS], widget=forms.CheckboxSelectMultiple
    )
    phase = forms.CharField(
        required=False,
        strip=False,
        widget=forms.TextInput(NAME),
        help_text="Only of this phase; empty for all.",
    )


@reads
@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """Who is told of what, and what was."""
    return _page(request, WebhookForm())


@needs(CHANGE)
@require_POST
def add(request: HttpRequest) -> HttpResponse:
    """Subscribe. The secret is on the page that answers, and nowhere else: in no session, say."""
    form = WebhookForm(request.POST)
    if not form.is_valid():
        return _page(request, form)
    given = form.cleaned_data
    is_webhook = given["url"].startswith(("https://", "http://"))
    verb = webhooks.add_webhook if is_webhook else webhooks.add_notification
    try:
        with _may_do("webhook add" if is_webhook else "notify add") as session:
            made = verb(session, given["url"], given["events"], given["phase"] or None)
    except NotAllowed:
        raise
    except Refusal as refusal:
        form.add_error("url", str(refusal))
        return _page(request, form)
    return _page(request, WebhookForm(), made)


@needs(CHANGE)
@require_POST
def rotate(request: HttpRequest) -> HttpResponse:
    """A new secret, which is on the page that answers, as that of one that is added."""
    number = _number(request)
    try:
        with _may_do("webhook rotate") as session:
            made = webhooks.rotate(session, number)
    except (NotFound, WrongState) as refusal:
        messages.warning(request, str(refusal))
        return redirect("webhooks")
    return _page(request, WebhookForm(), made)


@needs(CHANGE)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """What one of the buttons says: to a subscription, or to a delivery."""
    action = values.one_of(request.POST.get("action", ""), "action", tuple(_DO))
    number = _number(request)
    try:
        with _may_do(f"webhook {action}") as session:
            messages.success(request, _DO[action](session, number))
    except (NotFound, WrongState) as refusal:
        messages.warning(request, str(refusal))
    return redirect("webhooks")


@contextmanager
def _may_do(verb: str) -> Iterator[Session]:
    """A session to do this verb in, for an account that may. Raises `NotAllowed`."""
    session = Card.objects.session()
    with allowed(session, by_account(verb)):
        yield session


def _number(request: HttpRequest) -> int:
    return values.integer(request.POST.get("number", ""), "number", 1, values.BIGINT_MAX)


def _remove(session: Session, number: int) -> str:
    gone = webhooks.remove(session, number)
    return f"Removed: {gone.kind} {gone.id}."


def _test(session: Session, number: int) -> str:
    return f"Message {webhooks.test(session, number)} goes out with the next sweep."


def _resend(session: Session, number: int) -> str:
    return f"Message {outbox.resend(session, number).id} goes out with the next sweep."


def _enable(session: Session, number: int) -> str:
    on = webhooks.enable(session, number)
    return f"Switched on: {on.kind} {on.id}. What waits for it goes out with the next sweep."


_DO: Final = {"remove": _remove, "enable": _enable, "test": _test, "resend": _resend}


def _page(
    request: HttpRequest, form: WebhookForm, made: Added | Rotated | None = None
) -> HttpResponse:
    session = Card.objects.session()
    context = {
        "webhooks": webhooks.subscriptions(session),
        "dead": list(outbox.deliveries(session, dead=True, newest=MOST)),
        "deliveries": list(outbox.deliveries(session, newest=MOST))[::-1],
        "most": MOST,
        "form": form,
        "made": made,
        "rotated": isinstance(made, Rotated),
        "may_change": may(request, CHANGE),
    }
    answer = render(request, "hooks/webhooks.html", context)
    answer["Cache-Control"] = "no-store"
    return answer
