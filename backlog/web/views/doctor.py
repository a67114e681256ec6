"""The doctor: what never goes on by itself, why, and the button or the command that lets it."""

from itertools import groupby
from operator import attrgetter
from typing import Any, Final, NamedTuple

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from backlog.models import Card
from backlog.verbs import beside, overdue
from backlog.verbs import doctor as verbs
from backlog.verbs.doctor import Diagnosis
from backlog.verbs.findings import Finding
from backlog.verbs.stuck import CYCLE, MISSING
from backlog.web.access import CHANGE, may, reads
from backlog.web.buttons import BUTTONS, PUBLISH, Button
from backlog.web.live import Live, follows

# It looks at every card of a small backlog, and on a public board anybody may ask.
_LIVE: Final = Live(verbs.doctor)

# As many findings of a kind as the page lists.
MOST: Final = 50

_KINDS: Final = {
    verbs.BLOCKED: ("Blocked", "Until somebody unblocks them."),
    verbs.EXHAUSTED: ("No attempts left", "Unblocked, they have all of their attempts again."),
    CYCLE: ("On a cycle", "They wait for each other. One link has to go."),
    MISSING: ("Waiting for what does not exist", "Make the card, or remove the dependency."),
    verbs.WAITING: ("Held up", "They go on when the card at the root does."),
    verbs.EXPIRED: ("Lease over", "Their workers have not been heard of in time."),
    overdue.OVERRUN: ("Running too long", "Longer than their cards allow; a sweep ends them."),
    overdue.LATE: ("Late", "They should be done by now."),
    overdue.REVIEW: ("Long in review", "They are done when each criterion has passed."),
    verbs.PAUSED: ("Paused with work waiting", "Claims take none of it until it is resumed."),
    verbs.BUDGET: ("Budget spent, or nearly", "Claims stop when it is, until it is raised."),
    verbs.LIMIT: ("At a limit that nothing will free", "None of its claims is live."),
    overdue.DRAFT: (
        "Drafts of long ago",
        "Nobody claims them before they are published; plan publish does so for a whole phase.",
    ),
    verbs.DRIFT: ("Kept wrongly", "What the database derives is not what the cards say."),
    verbs.BEYOND: (
        "Beyond a limit",
        "They go on. What is longer than may be written now stays so until it is edited.",
    ),
}

_CONTROL: Final = ("control", "Pause and limits")

# What can be done here and now to the card that is found.
_REMEDIES: Final = {
    verbs.BLOCKED: "unblock",
    verbs.EXHAUSTED: "unblock",
    CYCLE: "unlink",
    MISSING: "unlink",
    verbs.EXPIRED: "reclaim",
    overdue.OVERRUN: "release",
    overdue.DRAFT: PUBLISH,
}


class Group(NamedTuple):
    """The findings of one kind; `rows`: the first of them, each with its card and the card that is
    because of, if there are such. `page`: where those that are about no card are seen to."""

    kind: str
    title: str
    about: str
    page: tuple[str, str] | None
    total: int
    remedy: Button | None
    rows: list[tuple[Finding, Card | None, Card | None]]


@reads
@require_safe
@follows
def doctor(request: HttpRequest) -> HttpResponse:
    """Everything that needs an operator, by kind; causes before what they hold up."""
    session = Card.objects.session()
    found = beside.with_found(session, _LIVE.now(session))
    context: dict[str, Any] = {
        "groups": _grouped(found),
        "total": len(found.findings) + sum(found.more.values()),
        "found": found,
        "may_change": may(request, CHANGE),
        "next": request.get_full_path(),
    }
    return render(request, "backlog/doctor.html", context)


def _grouped(found: Diagnosis) -> list[Group]:
    by_kind = groupby(found.findings, attrgetter("kind"))
    kinds: dict[str, list[Finding]] = {kind: [] for kind in (*verbs.KINDS, *beside.KINDS)}
    kinds |= {kind: list(group) for kind, group in by_kind}
    first = [each for findings in kinds.values() for each in findings[:MOST]]
    ids = {card for each in first for card in (each.id, each.because) if card}
    shown = ("title", "status", "updated_at", "block_reason", "block_note")
    cards = Card.objects.only(*shown).in_bulk(list(ids))
    return [
        Group(
            kind,
            *((*_KINDS[kind], _CONTROL) if kind in _KINDS else beside.KINDS[kind][1:]),
            len(findings) + found.more.get(kind, 0),
            BUTTONS.get(_REMEDIES.get(kind, "")),
            [
                (each, cards.get(each.id or ""), cards.get(each.because or ""))
                for each in findings[:MOST]
            ],
        )
        for kind, findings in kinds.items()
        if findings or kind in found.more
    ]
