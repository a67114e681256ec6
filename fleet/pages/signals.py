"""What was noticed on looking back, for whoever improves the fleet."""

from typing import Any, Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card
from backlog.web.access import reads
from backlog.web.live import follows
from fleet.models import Signal
from fleet.pages import rows
from fleet.verbs.signals import counts
from fleet.words import KINDS_OF_SIGNALS

MOST: Final = 100


@reads
@require_safe
@follows
def page(request: HttpRequest) -> HttpResponse:
    """How many there are of each kind, and the newest, of one kind (`?kind=`) or of all."""
    kind = request.GET.get("kind") or None
    chosen: dict[str, Any] = {}
    if kind is not None:
        chosen["kind"] = values.one_of(kind, "kind", KINDS_OF_SIGNALS)
    context = {
        "counts": counts(Card.objects.session()),
        "kind": kind,
        "signals": rows.signals(Signal.objects.filter(**chosen), MOST),
        "most": MOST,
    }
    return render(request, "fleet/signals.html", context)
