"""The inbox: what operators are asked to see to, and the buttons that say that somebody does."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from backlog import values
from backlog.errors import NotFound, UsageError, WrongState
from backlog.models import Card
from backlog.verbs.rights import allowed
from backlog.web.access import CHANGE, by_account, may, needs, reads
from backlog.web.live import follows
from backlog.web.navigation import way_back
from backlog.web.roundtrip import as_sent
from fleet.models import Escalation
from fleet.pages import rows
from fleet.verbs import escalations as verbs

# As many are shown that are not resolved, and of those that are.
MOST: Final = 200
MOST_RESOLVED: Final = 20


@reads
@require_safe
@follows
def page(request: HttpRequest) -> HttpResponse:
    """What is to be seen to, and what was resolved last."""
    return _page(request)


def _page(request: HttpRequest, **kept: object) -> HttpResponse:
    """With the `note` that somebody has typed about the one of the number `noted`, if any."""
    found = Escalation.objects.filter(resolved_at=None)
    resolved = Escalation.objects.exclude(resolved_at=None)
    context = {
        "escalations": rows.escalations(found, MOST),
        "most": MOST,
        "resolved": rows.escalations(resolved, MOST_RESOLVED),
        "may_change": may(request, CHANGE),
        "next": reverse("escalations"),
        **kept,
    }
    return render(request, "fleet/escalations.html", context)


@needs(CHANGE)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Acknowledge or resolve the one that the form is about; what is so by then is said.

    A note is of a resolution: whoever acknowledges has it before them again.
    """
    number = values.integer(request.POST.get("escalation", ""), "escalation", 1, values.BIGINT_MAX)
    action = values.one_of(request.POST.get("action", ""), "action", ("ack", "resolve"))
    session, note = Card.objects.session(), as_sent(request.POST.get("note"))
    try:
        with allowed(session, by_account(action)):
            if action == "ack":
                who = verbs.ack(session, number).acknowledged_by
                if who == request.user.get_username():
                    messages.success(request, f"You see to escalation {number}.")
                else:
                    messages.warning(request, f"{who} sees to escalation {number} already.")
            else:
                verbs.resolve(session, number, note)
                messages.success(request, f"Escalation {number} is resolved.")
    except (NotFound, WrongState, UsageError) as refusal:
        if note:  # as `RefusalMiddleware` says it, who shows it again
            raise
        messages.warning(request, f"{refusal}")
    if note and action == "ack":
        return _page(request, noted=number, note=note)
    return redirect(way_back(request, "escalations"))
