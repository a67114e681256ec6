"""One card: everything on it, and the forms that make and change it."""

from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from django.contrib import messages
from django.db.models import TextField
from django.db.models.functions import Cast
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.safestring import SafeString
from django.views.decorators.http import require_http_methods, require_safe

from backlog import values
from backlog.errors import UsageError
from backlog.lifecycle import DUPLICATE, READY, UNBLOCK
from backlog.models import Card, Event
from backlog.records import Record
from backlog.templatetags.backlog import line
from backlog.verbs import runs
from backlog.verbs.drop import original
from backlog.verbs.history import COMMENT
from backlog.web import beside
from backlog.web.access import ADD, CHANGE, VIEW, may, needs, reads
from backlog.web.buttons import BUTTONS, PUBLISH, SAID, offered
from backlog.web.forms import CardForm
from backlog.web.live import follows
from backlog.web.markup import LONGEST, Room, items, markdown, plain, short
from backlog.web.queries import lines
from backlog.web.queries.neighbourhood import neighbourhood
from backlog.web.seen import Seen
from backlog.web.views import checklist
from backlog.web.views.output import end_of_output

# As much of a card's history as its page shows.
EVENTS = 100
NOTE = 1_000
SAYING = 10_000
RUNS = 20
MOST_RUNS = 500
SUMMARY = 2_000
RESULT = 10_000
# Bytes that its texts may take of the page.
BODY_BYTES = 300_000
CRITERIA_BYTES = 150_000
RUNS_BYTES = 200_000
EVENTS_BYTES = 200_000


@reads
@require_safe
@follows
def card(request: HttpRequest, card_id: str) -> HttpResponse:
    """Everything about a card; of a deleted one, its history."""
    events = _events(values.text(card_id, "id"))
    found = _found(card_id)
    context: dict[str, Any] = {"card": found, "card_id": card_id, "events": events}
    context["others"] = beside.of_card(request, card_id)
    if found is None:
        return render(request, "backlog/no_card.html", context, status=404)
    near = neighbourhood(found)
    criteria, more = _criteria(found.criteria_start)
    placed = ["unlink", *SAID]  # beside each dependency, below the question, in the history
    placed += [] if found.draft else [PUBLISH]
    placed += ["archive"] if found.archived_at else []
    buttons = offered(request, found.status, without=placed)
    context |= {
        "body": _body(found.body_start),
        "criteria": criteria,
        "listed": isinstance(criteria, list),
        "more_criteria": more,
        "near": near,
        "explanation": Card.objects.explain_card(card_id) if found.status == READY else None,
        "original": original(Card.objects.session(), card_id)
        if found.resolution == DUPLICATE
        else None,
        "seen": str(Seen.of(found)),
        "buttons": [(button, _asked(button.name, found)) for button in buttons],
        "may_change": may(request, CHANGE),
        "capped": len(events) == EVENTS,
        "checklist": _checklist(found, criteria),
        **_runs(request, found),
        **(end_of_output(card_id) if found.attempts and may(request, VIEW) else {}),
    }
    return render(request, "backlog/card.html", context)


def _events(card_id: str) -> list[Any]:
    """The newest; what was said to the card stands nowhere else, and has more room than a note."""
    of_card = Event.objects.filter(card=card_id).newest_first()
    listed, room = list(lines.events(of_card, SAYING)[:EVENTS]), Room(EVENTS_BYTES)
    for event in listed:
        most = SAYING if event.verb in (UNBLOCK.verb, COMMENT) else NOTE
        event.said = short(event.said, room, most)
    return listed


def _found(card_id: str) -> Any:
    """The card; of its body and its criteria, as text, no more than the page can show."""
    criteria = Cast("acceptance", TextField())
    cards = Card.objects.with_state().with_late().defer("acceptance", "body").filter(pk=card_id)
    return cards.annotate(
        body_start=lines.start("body", BODY_BYTES),
        criteria_start=lines.start(criteria, LONGEST),
        open=checklist.OPEN,
        judged=checklist.JUDGED,
    ).first()


def _checklist(card: Any, criteria: Any) -> list[checklist.Item]:
    """The criteria with their verdicts, where there are any or the card waits for them."""
    if not (card.gated or card.judged or card.in_review):
        return []
    return checklist.of(card, criteria if isinstance(criteria, list) else None)


def _runs(request: HttpRequest, card: Card) -> dict[str, Any]:
    """The card's attempts, the newest first (`?runs=all`: every one), and what they took."""
    asked = MOST_RUNS if request.GET.get("runs") == "all" else RUNS
    listed = list(lines.runs(card.runs.newest_first(), SUMMARY, RESULT)[:asked])
    room = Room(RUNS_BYTES)
    for run in listed:
        run.said = short(run.said, room, SUMMARY)
        run.told = run.told and short(run.told, room, RESULT)
    return {
        "runs": listed,
        "most_runs": MOST_RUNS,
        "spent": card.runs.spent(),
        "counted": card.attempts - card.attempts_forgiven,
        "cap": runs.default_cap() if card.max_attempts is None else card.max_attempts,
    }


def _asked(button: str, card: Card) -> SafeString:
    """What the button needs to know, with the card's value to begin with."""
    return _fields(button, getattr(card, button) if button in ("priority", "phase") else None)


@lru_cache(maxsize=256)
def _fields(button: str, value: Any) -> SafeString:
    form = BUTTONS[button].form
    if form is None:
        return SafeString("")
    # The drawer stands on a page whose toolbar has the same fields.
    return form(auto_id=f"card_{button}_%s", initial={button: value}).as_div()


def _body(text: str | None) -> SafeString:
    room = Room(BODY_BYTES)
    if text is not None and len(text) > BODY_BYTES:  # and so there is more
        return plain(text[:BODY_BYTES], room, more=True)
    return markdown(text or "", room)


def _criteria(acceptance: str | None) -> tuple[Any, int]:
    """JSON text: a list of strings as safe HTML each, and how many more there are; anything else as
    it is, digit by digit."""
    room = Room(CRITERIA_BYTES)
    if acceptance is None:
        return None, 0
    if len(acceptance) > LONGEST:  # it may be cut
        return plain(acceptance[:LONGEST], room, more=True), 0
    parsed = values.parse_json(acceptance)
    if isinstance(parsed, list) and all(type(item) is str for item in parsed):  # no `Digits`
        return items(parsed, room)
    return plain(acceptance, room), 0


@needs(ADD)
@require_http_methods(["GET", "HEAD", "POST"])
def create(request: HttpRequest) -> HttpResponse:
    """A form for a new card, filled in with what the URL says of `id`, `phase` and `priority`:
    the last two are those of the last one, where another is asked for."""
    filled = ("id", "phase", "priority")
    given = {name: request.GET[name] for name in filled if name in request.GET}
    form = CardForm(_sent(request), initial=given)
    made = _written(form, "create")
    if made is None:
        return render(request, "backlog/edit.html", {"form": form})
    if made.id == form.cleaned_data["id"]:
        messages.success(request, f"Created {line(made.id)}")
    else:
        messages.warning(request, f"{made.id} has this idempotency key: nothing was created.")
    if "another" not in request.POST:
        return redirect("card", made.id)
    kept = urlencode({"phase": made.phase or "", "priority": made.priority})
    return redirect(f"{reverse('create')}?{kept}")


@needs(CHANGE)
@require_http_methods(["GET", "HEAD", "POST"])
def edit(request: HttpRequest, card_id: str) -> HttpResponse:
    """A form for a card's fields; a card changed meanwhile is not overwritten: 409."""
    # The form reads the criteria itself, as text.
    cards = Card.objects.defer("acceptance").filter(pk=values.text(card_id, "id"))
    found = cards.first()
    if found is None:
        return render(request, "backlog/no_card.html", {"card_id": card_id}, status=404)
    if request.method == "POST" and not request.POST.get("seen"):
        raise UsageError("a form for a card says which state of the card it was filled from")
    form = CardForm(_sent(request), instance=found)
    form.fields["id"].disabled = True
    if _written(form, "edit", card_id):
        messages.success(request, f"Saved {card_id}")
        return redirect("card", card_id)
    if not form.stale:
        return render(request, "backlog/edit.html", {"form": form, "card": found})
    # What was typed, carried over to the card as it is now, to be sent again or not.
    fresh = cards.get()
    again = form.again(fresh)
    again.fields["id"].disabled = True
    last = fresh.events.changes().newest_first().first()
    shown = {"form": again, "card": fresh, "stale": True, "last": last}
    return render(request, "backlog/edit.html", shown, status=409)


def _sent(request: HttpRequest) -> QueryDict | None:
    return request.POST if request.method == "POST" else None


def _written(form: CardForm, verb: str, *cards: str) -> Record | None:
    """The card, if what was typed could be written; else the form says why not."""
    if form.is_valid():
        # Somebody may be quicker than this, the form's second try.
        with form.refusals_as_errors(), form.allowed(verb, *cards):
            return form.write()
    return None
