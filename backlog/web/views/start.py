"""The first steps: cards, a worker, and what becomes of them."""

import shlex
from pathlib import Path
from typing import Final

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog.models import Card
from backlog.verbs.rules import pauses
from backlog.verbs.transfer import import_cards
from backlog.web import shell
from backlog.web.access import ADD, CHANGE, acts, may, needs, reads
from backlog.web.live import follows
from backlog.web.queries.start import progress

# In a checkout they stand beside the app, in an installed package within it.
_APP: Final = Path(__file__).resolve().parents[2]
_EXAMPLES: Final = next(
    (each for each in (_APP.parent / "examples", _APP / "examples") if each.is_dir()), None
)


@reads
@require_safe
@follows
def start(request: HttpRequest) -> HttpResponse:
    """Three steps, each with a mark once it is done."""
    context = {
        "progress": progress(),
        "sample": _EXAMPLES is not None,
        "pauses": pauses(Card.objects.session()),
        "next": request.get_full_path(),
        "may_add": may(request, ADD),
        "may_change": may(request, CHANGE),
    }
    if may(request, CHANGE):  # paths of this machine are nobody else's business
        context |= {"command": _command(request), "server": not shell.data_dir()}
    return render(request, "backlog/start.html", context)


@needs(ADD)
@require_POST
@acts("import")
def sample(request: HttpRequest) -> HttpResponse:
    """Import the example backlog, all or nothing."""
    file = _EXAMPLES and _EXAMPLES / "beads-sample.jsonl"
    if not file:
        messages.warning(request, "The sample is not installed.")
        return redirect("start")
    with file.open("rb") as lines:
        done = import_cards(Card.objects.session(), lines.readlines())
    messages.success(request, f"Imported the sample: {done.created} cards.")
    return redirect("start")


def _command(request: HttpRequest) -> str:
    """A worker on this site's store."""
    worker = str(_EXAMPLES / "worker") if _EXAMPLES else "YOUR-COMMAND"
    work = f"work --owner first-worker --drain -- {shlex.quote(worker)}"
    return f"{shell.of(request)} {work}"
