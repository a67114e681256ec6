"""Many cards at once: an outline is pasted, looked at as cards, and made."""

from collections.abc import Sequence
from typing import Any

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.views.decorators.http import require_http_methods

from backlog.errors import Refusal, StoreUnavailable
from backlog.models import Card
from backlog.verbs import outline
from backlog.verbs.outline import Draft
from backlog.verbs.rights import allowed
from backlog.web.access import ADD, by_account, needs
from backlog.web.navigation import LONGEST_ADDRESS
from backlog.web.queries.listing import NEWEST
from backlog.web.queries.planned import is_drawn, rows
from backlog.web.roundtrip import digest


@needs(ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def plan(request: HttpRequest) -> HttpResponse:
    """The outline, and what it would make; made is only what was looked at, all or none."""
    text = request.POST.get("outline", "")
    if request.method != "POST":
        return _page(request, text)
    seen = request.POST.get("create") == digest(text)
    session = Card.objects.session()
    try:
        with allowed(session, by_account("create")):
            drafts = outline.plan(session, text, dry_run=not seen)
    except StoreUnavailable:
        raise
    except Refusal as refusal:
        return _page(request, text, refusal)
    if seen:
        messages.success(request, f"Created {len(drafts)} card{'s' * (len(drafts) > 1)}.")
        return redirect(_made(drafts))
    shown = rows(drafts)
    context: dict[str, Any] = {
        "number": len(drafts),
        "rows": shown,
        "drawn": is_drawn(shown),
        "changed": "create" in request.POST,
        "digest": digest(text),
    }
    return _page(request, text, **context)


def _made(drafts: Sequence[Draft]) -> str:
    """The list of the phases of these cards, the newest first: on the board, others stand before
    them, and lanes may be folded."""
    phases = sorted({draft.phase or "" for draft in drafts})
    phases *= 2 if phases == [""] else 1  # see `choice._phases`
    chosen = f"{reverse('cards')}?{urlencode({'sort': NEWEST, 'phase': phases}, doseq=True)}"
    return chosen if len(chosen) <= LONGEST_ADDRESS else f"{reverse('cards')}?sort={NEWEST}"


def _page(
    request: HttpRequest, text: str, refusal: Refusal | None = None, **context: Any
) -> HttpResponse:
    """With what was typed in any case, which is not lost."""
    context |= {"outline": text, "most": outline.MOST}
    if refusal is not None:
        context["faults"] = refusal.faults or (str(refusal),)
    status = 200 if refusal is None else refusal.http_status
    return render(request, "backlog/plan.html", context, status=status)
