"""The inbox: what operators are asked to see to, and the buttons that say that somebody does."""

from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog import values
from backlog.errors import NotFound, UsageError, WrongState
from backlog.models import Card
from backlog.verbs.rights import allowed
from backlog.web.access import CHANGE, by_account, may, needs, reads
from backlog.web.live import follows
from backlog.web.roundtrip import as_sent
from backlog.web.views.buttons import way_back
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
    found = Escalation.objects.filter(resolved_at=None)
    resolved = Escalation.objects.exclude(resolved_at=None)
    context = {
        "escalations": rows.escalations(found)[: MOST + 1],
        "most": MOST,
        "resolved": rows.escalations(resolved)[:MOST_RESOLVED],
        "may_change": may(request, CHANGE),
        "next": request.get_full_path(),
    }
    return render(request, "fleet/escalations.html", context)


@needs(CHANGE)
@require_POST
def act(request: HttpRequest) -> HttpResponse:
    """Acknowledge or resolve the one that the form is about; what is so by then is said."""
    number = values.integer(request.POST.get("escalation", ""), "escalation", 1, values.BIGINT_MAX)
    action = values.one_of(request.POST.get("action", ""), "action", ("ack", "resolve"))
    session = Card.objects.session()
    try:
        with allowed(session, by_account(action)):
            if action == "ack":
                who = verbs.ack(session, number).acknowledged_by
                if who == request.user.get_username():
                    messages.success(request, f"You see to escalation {number}.")
                else:
                    messages.warning(request, f"{who} sees to escalation {number} already.")
            else:
                note = as_sent(request.POST.get("note"))
                verbs.resolve(session, number, note)
                messages.success(request, f"Escalation {number} is resolved.")
    except (NotFound, WrongState, UsageError) as refusal:
        messages.warning(request, f"{refusal}")
    return redirect(way_back(request, "escalations"))
