"""The north star: what is in force beside what is done, what is proposed, and who says so."""

from collections.abc import Callable
from typing import Final, NamedTuple

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_POST, require_safe

from backlog import values
from backlog.errors import UsageError, WrongState
from backlog.models import Card
from backlog.verbs.rights import allowed
from backlog.web.access import CHANGE, acts, by_account, may, needs, reads
from backlog.web.live import Live, follows
from backlog.web.markup import Folded, Room, folded
from backlog.web.notes import NoteField
from backlog.web.roundtrip import LineInput
from fleet.north_star import FILE, Projection, changes
from fleet.pages.readable import where_it_can_be_read
from fleet.verbs import north_star as verbs
from fleet.verbs.north_star import InForce, Proposal

# So many proposals are shown with what they would change; so many that are decided.
MOST: Final = 20

_PROGRESS: Final = Live(verbs.progress)
_readable = where_it_can_be_read("north star", "north-star")


class ProposalForm(forms.Form):
    """What is to be in force instead."""

    text = NoteField(
        label="The north star as it should be",
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14, "class": "outline", "spellcheck": "false"}),
        help_text="In YAML: goals, assumptions, projections.",
    )
    reason = forms.CharField(label="Why", required=False, widget=LineInput)


class _Shown(NamedTuple):
    """A proposal, what it is, and its lines, each with the class that colours it; why it was made,
    and why it became what it is."""

    proposal: Proposal
    state: str
    lines: list[tuple[str, str]]
    reason: Folded | None
    why: Folded | None


@reads
@require_safe
@follows
@_readable
def page(request: HttpRequest) -> HttpResponse:
    """What is in force, what is done of it, what is proposed."""
    return _page(request)


@needs(CHANGE)
@require_POST
@acts("north-star propose")
@_readable
def propose(request: HttpRequest) -> HttpResponse:
    """Record a change for somebody to ratify."""
    form = ProposalForm(request.POST)
    if form.is_valid():
        text, reason = form.cleaned_data["text"], form.cleaned_data["reason"]
        try:
            made = verbs.propose(Card.objects.session(), text, reason)
        except (UsageError, WrongState) as refusal:
            form.add_error("text", str(refusal))
        else:
            return _back(request, f"Proposal {made.number} waits for somebody to ratify it.")
    return _page(request, form)


@needs(CHANGE)
@require_POST
@_readable
def decide(request: HttpRequest) -> HttpResponse:
    """Put a proposal in force, as it was seen, or say why it is not to be: by this account."""
    decided = values.one_of(request.POST.get("action", ""), "action", _VERDICTS)
    number = values.integer(request.POST.get("number", ""), "number", 1, values.BIGINT_MAX)
    verb, became = _VERDICTS[decided]
    by, why = values.actor(request.user.get_username()), request.POST.get("why", "")
    session = Card.objects.session()
    with allowed(session, by_account(f"north-star {decided}")):
        verb(session, number, by, why)
    return _back(request, f"Proposal {number} {became}.")


_VERDICTS: Final[dict[str, tuple[Callable[..., Proposal], str]]] = {
    "ratify": (verbs.ratify, "is in force"),
    "veto": (verbs.veto, "is vetoed"),
}


def _back(request: HttpRequest, said: str) -> HttpResponse:
    messages.success(request, said)
    return redirect("north_star")


def _page(request: HttpRequest, sent: ProposalForm | None = None) -> HttpResponse:
    session = Card.objects.session()
    current = verbs.in_force(session)
    decided = verbs.proposals(session, decided=True, most=MOST)
    star = current.star
    found = _PROGRESS.now(session, star)
    said = {each.phase: each for each in star.projections}
    open_ones, room = verbs.proposals(session, most=MOST + 1), Room()
    context = {
        "current": current,
        "file": FILE,
        "goals": [(each.goal, [found[phase] for phase in each.phases]) for each in star.goals],
        "assumptions": star.assumptions,
        "phases": [(each, said.get(phase, Projection(phase))) for phase, each in found.items()],
        "proposals": [_shown(each, current, room) for each in open_ones[:MOST]],
        "more": len(open_ones) > MOST,
        "decided": [_shown(each, current, room) for each in decided],
        "form": sent or ProposalForm(initial={"text": current.text or _EXAMPLE}),
        "sent": sent is not None,
        "may_change": may(request, CHANGE),
    }
    return render(request, "fleet/north_star.html", context)


_COLOURS: Final = {"+": "fg-green", "-": "fg-red", "@": "dim"}


def _shown(each: Proposal, current: InForce, room: Room) -> _Shown:
    differing = [] if each.decided_at else changes(current.text or "", each.text)
    lines = [(_COLOURS.get(line[:1], ""), line) for line in differing]
    return _Shown(
        each, each.state(current), lines, folded(each.reason, room), folded(each.why, room)
    )


_EXAMPLE: Final = """goals:
  - goal: What is to be true
    phases: [M1]
assumptions:
  - What that rests on
projections:
  M1: {tokens: 1000000, cost: 10}
"""
