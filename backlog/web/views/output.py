"""What the command of a run printed: on a page of its own, and the end of it on the card's.

It may hold what nobody meant to show: a board that everybody may read does not show it.
"""

from typing import Any, Final

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe

from backlog import values
from backlog.models import Card
from backlog.verbs.output import Look, attempts_with_output, look
from backlog.web import printed
from backlog.web.access import VIEW, needs

# As much of it as the card's page shows, and as many attempts as are named.
_LINES: Final = 20
_CHARACTERS: Final = 4_000
_ATTEMPTS: Final = 50


@needs(VIEW)
@require_safe
def output(request: HttpRequest, card_id: str) -> HttpResponse:
    """What is kept of an attempt's output (`attempt`; else of the newest), as it comes."""
    asked = _attempt(request)
    found = look(Card.objects.session(), card_id, asked)
    if found is None:
        return render(request, "backlog/no_card.html", {"card_id": card_id}, status=404)
    if asked is not None and asked > found.attempts:
        raise Http404
    attempts = attempts_with_output(Card.objects.session(), card_id, _ATTEMPTS)
    context = {**_shown(card_id, found, asked), "card_id": card_id, "attempts": attempts}
    return render(request, "backlog/output.html", context)


@needs(VIEW)
@require_safe
def live(request: HttpRequest, card_id: str) -> HttpResponse:
    """204 if the page is still at version `v`; else its part as it is now; of a card that was
    deleted one that asks for no more.

    With `end` the last lines only.
    """
    asked, brief = _attempt(request), "end" in request.GET
    found = look(Card.objects.session(), card_id, asked)
    if found and request.GET.get("v") == _version(found):
        return HttpResponse(status=204)
    context = _shown(card_id, found, asked, brief=brief) if found else {}
    response = render(request, "backlog/_output.html", context)
    response["Cache-Control"] = "no-store"
    return response


def end_of_output(card_id: str) -> dict[str, Any]:
    """For the page of a card that was claimed: the last lines of the newest run; which have any."""
    session = Card.objects.session()
    found = look(session, card_id)
    if found is None:
        return {}
    with_output = attempts_with_output(session, card_id, _ATTEMPTS)
    if not found.more and not with_output:
        return {}
    return {**_shown(card_id, found, None, brief=True), "with_output": with_output}


def _shown(card_id: str, found: Look, asked: int | None, *, brief: bool = False) -> dict[str, Any]:
    text = found.output.text if found.output else ""
    last = printed.end(text, _LINES, _CHARACTERS) if brief else text
    query = f"v={_version(found)}"
    query += ("&end" if brief else "") + (f"&attempt={asked}" if asked else "")
    return {
        "printed": found,
        "text": printed.html(last),
        # An attempt that is over prints no more; of the newest, another may begin.
        "live": f"{reverse('output_live', args=[card_id])}?{query}"
        if found.more or asked is None
        else "",
        "poll_seconds": settings.BACKLOG_POLL_SECONDS,
    }


def _version(found: Look) -> str:
    size = found.output.size if found.output else 0
    return f"{found.attempt}.{size}.{found.more:d}"


def _attempt(request: HttpRequest) -> int | None:
    given = request.GET.get("attempt")
    return values.integer(given, "attempt", 1) if given else None
