"""A cell of the board, and the heading of a lane, as HTML: made once for all readers.

A page has hundreds of cards. In a template's loop they take twice the time that it takes to put
them together here; `format_html` escapes whatever it is given, as a template does.
"""

import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Any, Final

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from backlog.models import Card
from backlog.templatetags.backlog import line, whole, why_blocked, worker
from backlog.web.buttons import Seen
from backlog.web.queries.board import Cell, Heading

# As wide, in its own units, is the bar of a lane; as many cards of a cell are seen at first
# where there are many lanes.
_BAR: Final = 100
_FIRST: Final = 2

_CARD: Final = """
<li class="card{overdue}" data-card="{id}" data-priority="{priority}">
  <input type="checkbox" form="act" autocomplete="off"
         name="card" value="{seen}" aria-label="Select {id}">
  <a href="{url}"><span class="title">{title}</span> <span class="id">{name}</span></a>
  <p class="facts-line"><a class="menu-of" href="{url}#actions"
    aria-label="p{priority}, move {id}">p{priority}</a>{draft}{lease}
    <span class="state-time"><span class="sr">{cell}</span> {since}</span>{more}</p>{why}
</li>"""
_LEASE: Final = ' {owner} <span class="left-of-lease">{state} {left}</span>'
_EXPIRED: Final = SafeString('<strong class="expired">expired</strong>')
_CHIP: Final = '<a class="chip {state}" href="{url}">{id} <small>{state}</small></a>'

# To what publishes it, on its page.
_DRAFT: Final = ' <a class="draft" href="{}#press-publish">draft</a>'

_WHY_AT_MOST: Final = 140

# An id of these characters stands in a path as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]+")


# What a cell shows is a function of the cell alone, so that most of a page is made only once.
@lru_cache(maxsize=2048)
def cell_html(cell: Cell, kept: str = "") -> SafeString:
    """The cell as HTML; the link to all of its cards keeps what the query string `kept` chooses."""
    context = {
        "cell": cell,
        "cards": format_html_join("", "{}", ((_card(card),) for card in cell.cards)),
        "folded": max(0, len(cell.shown) - _FIRST),
        "more": cell.total > len(cell.shown),
        "kept": kept,
    }
    return render_to_string("backlog/_cell.html", context)


@lru_cache(maxsize=256)
def heading_html(heading: Heading) -> SafeString:
    """The heading of a lane as HTML."""
    return render_to_string("backlog/_lane.html", {"lane": heading, "bar": bar(heading)})


@lru_cache(maxsize=512)
def add_html(phase: str | None) -> SafeString:
    """The link to a new card in a lane."""
    return render_to_string("backlog/_add.html", {"phase": phase})


def bar(heading: Heading) -> SafeString:
    """What part of a lane is in each state, done first: an SVG, as a style could not say it."""
    left, parts = 0.0, []
    for name, number in reversed(heading.cells):
        width = _BAR * number / heading.total if heading.total else 0
        parts.append((name, f"{left:.1f}", f"{width:.1f}"))
        left += width
    shape = '<rect class="{}" x="{}" width="{}" height="4" />'
    return format_html_join("", shape, (part for part in parts if part[2] != "0.0"))


def _card(card: Card) -> SafeString:
    why = _WHY.get(card.cell)
    return format_html(
        _CARD,
        overdue=" overdue" if card.expired else "",
        id=card.id,
        name=whole(card.id),
        seen=Seen.of(card),
        url=_url(card.id),
        title=line(card.title),
        priority=card.priority,
        lease=_lease(card),
        cell=card.cell,
        since=_time("for", "since ", card.status_changed_at),
        draft=_if(card.draft, _DRAFT, _url(card.id)),
        more=_if(card.attempts > 1, ' <span class="extra">attempt {}</span>', card.attempts)
        + _if(card.holds_up, ' <span class="extra">holds up {}</span>', card.holds_up),
        why=why(card) if why else "",
    )


def _if(shown: object, template: str, value: Any) -> SafeString:
    return format_html(template, value) if shown else SafeString("")


def _lease(card: Card) -> SafeString:
    if card.claim_expires_at is None:
        return SafeString("")
    return format_html(
        _LEASE,
        owner=worker(card.claim_owner),
        state=_EXPIRED if card.expired else "lease",
        left=_time("left", "", card.claim_expires_at),
    )


def _waits(card: Card) -> SafeString:
    held = SafeString("")
    if card.held and card.not_before:
        until = _time("due", "until ", card.not_before)
        held = format_html('<p class="chips">held back, {}</p>', until)
    if not card.waits_for:
        return held
    chips = format_html_join(
        " ", _CHIP, ({"state": s, "url": _url(i), "id": i} for i, s in card.waits_for)
    )
    left = card.open_dependencies - len(card.waits_for)
    more = f" and {left} more" if left else ""
    return held + format_html('<p class="chips">waits for {}{}</p>', chips, more)


def _blocked(card: Card) -> SafeString:
    return format_html('<p class="why">{}</p>', line(why_blocked(card), _WHY_AT_MOST))


_WHY: Final = {"waiting": _waits, "blocked": _blocked}


def _time(kind: str, before: str, moment: datetime) -> SafeString:
    """The moment for a script to tell, and as text where there is none."""
    at = moment.astimezone(UTC)
    text = f"{before}{at.day} {at:%b %H:%M}"
    return format_html('<time class="{}" datetime="{}">{}</time>', kind, at.isoformat(), text)


def _url(card_id: str) -> str:
    if _PLAIN.fullmatch(card_id):
        return f"{_above()}{card_id}/"
    return reverse("card", args=[card_id])


@cache
def _above() -> str:
    return reverse("card", args=["0"]).removesuffix("0/")
