"""Cards that are made again: which, when next, and the form for more."""

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog.errors import NotFound, Refusal
from backlog.lifecycle import LONGEST_NAME
from backlog.models import Card
from backlog.web.access import CHANGE, acts, may, needs, reads
from backlog.web.labels import refuse
from backlog.web.live import follows
from fleet.verbs import repeats as verbs


class RepeatForm(forms.Form):
    """Which card, and when."""

    card_id = forms.CharField(
        label="Id of the card",
        strip=False,
        widget=forms.TextInput({"maxlength": LONGEST_NAME}),
        help_text="Cards like it are made: its texts, phase, role, criteria and limits.",
    )
    line = forms.CharField(
        label="Line of cron",
        help_text="Minute, hour, day of the month, month, day of the week: 0 9 * * 1 is each Monday"
        " at nine.",
    )
    zone = forms.CharField(
        label="Time zone", initial="UTC", help_text="Whose clocks count, such as Europe/Berlin."
    )


@reads
@require_safe
@follows
def page(request: HttpRequest) -> HttpResponse:
    """What is repeated, and the form for more."""
    return _page(request, RepeatForm())


@needs(CHANGE)
@require_POST
@acts("repeat")
def repeat(request: HttpRequest) -> HttpResponse:
    """Repeat a card, or at other times."""
    form = RepeatForm(request.POST)
    if form.is_valid():
        try:
            made = verbs.repeat(Card.objects.session(), **form.cleaned_data)
        except Refusal as refusal:
            refuse(form, refusal, id="card_id")
        else:
            messages.success(request, f"Repeated: {made.series}")
            return redirect("repeats")
    return _page(request, form)


@needs(CHANGE)
@require_POST
@acts("repeat")
def off(request: HttpRequest) -> HttpResponse:
    """Make no more cards of this series."""
    try:
        ended = verbs.no_repeat(Card.objects.session(), request.POST.get("id", ""))
        messages.success(request, f"No longer repeated: {ended.series}")
    except NotFound as refusal:
        messages.warning(request, str(refusal))
    return redirect("repeats")


def _page(request: HttpRequest, form: forms.Form) -> HttpResponse:
    context = {
        "repeats": verbs.repeats(Card.objects.session()),
        "form": form,
        "may_change": may(request, CHANGE),
    }
    return render(request, "fleet/repeats.html", context)
