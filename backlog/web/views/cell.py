"""A cell of the board, and the heading of a lane, as HTML: made once for all readers.

A page has hundreds of cards. A template takes ten times as long for one as it takes to put it
together here; `format_html` four times, for it asks of each value whether it is a promise.
"""

from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final
from urllib.parse import quote

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.safestring import SafeString

from backlog.templatetags.backlog import card_url, counted, line, put, whole, why_blocked, worker
from backlog.web.queries.board import Cell, Heading
from backlog.web.queries.shown import Shown
from backlog.web.seen import Seen

# As wide, in its own units, is the bar of a lane; as many cards of a cell are seen at first
# where there are many lanes.
_BAR: Final = 100
_FIRST: Final = 1

_CELL: Final = """
<section class="cell {name}" id="{key}" data-signature="{signature}">
  <h3>{name} <span class="count">{total}</span>{expired}</h3>{cards}{rest}
</section>"""
_LATE: Final = ' <span class="expired">{number} expired</span>'
_CARDS: Final = '<ul class="cards" data-rows>{cards}</ul>'
_REST: Final = '<p class="rest">{folded}{more}</p>'
_FOLDED: Final = """
<button type="button" class="bare more"><span>+{number}<span class="sr"> more {name}</span></span
  ><span>Fewer<span class="sr"> {name}</span></span></button>"""
_ALL: Final = (
    '<a class="all" href="{url}?phase={phase}&amp;status={name}{kept}">all {total} {name}</a>'
)
_CARD: Final = """
<li class="card{look}" data-card="{id}" data-priority="{priority}">
  <input type="checkbox" form="act" autocomplete="off"
         name="card" value="{seen}" aria-label="Select {id}">
  <a href="{url}"><span class="title" dir="auto">{title}</span>
    <span class="id" dir="auto">{name}</span></a>
  <p class="facts-line"><a class="menu-of" href="{url}#actions"
    aria-label="p{priority}, move {id}">p{priority}</a>{draft}{lease}
    <span class="state-time"><span class="sr">{cell}</span> {since}</span>{extra}</p>{why}
</li>"""
_LEASE: Final = ' {owner} <span class="left-of-lease">{state} {left}</span>'
_EXPIRED: Final = SafeString('<strong class="expired">expired</strong>')
_ATTEMPT: Final = ' <span class="extra">attempt {number}</span>'
_HOLDS_UP: Final = ' <span class="extra">holds up {number}</span>'
_HELD: Final = '<p class="chips">held back, {until}</p>'
_WAITS: Final = '<p class="chips"><span class="what">waits for</span> {chips}{more}</p>'
_AND: Final = ' <span class="what">and {left} more</span>'
# To what publishes it, on its page.
_DRAFT: Final = ' <a class="draft" href="{url}#press-publish">draft</a>'
_IS_LATE: Final = SafeString('<strong class="late">late</strong>')
_DUE: Final = ' <span class="{style}">{word} {time}</span>'
_CHIP: Final = '<a class="chip {state}" href="{url}" dir="auto">{id} <small>{state}</small></a>'
_BLOCKED: Final = '<p class="why">{why}</p>'

_WHY_AT_MOST: Final = 140

_NOTHING: Final = SafeString("")


# What a cell shows is a function of the cell alone, so that most of a page is made only once.
@lru_cache(maxsize=2048)
def cell_html(cell: Cell, kept: str = "") -> SafeString:
    """The cell as HTML; the link to all of its cards keeps what the query string `kept` chooses."""
    cards = SafeString("".join(map(_card, cell.cards)))
    return put(
        _CELL,
        name=cell.name,
        key=cell.key,
        signature=cell.signature,
        total=counted(cell.total),
        expired=put(_LATE, number=cell.expired) if cell.expired else _NOTHING,
        cards=put(_CARDS, cards=cards) if cell.name != "done" else _NOTHING,
        rest=_rest(cell, kept),
    )


def _rest(cell: Cell, kept: str) -> SafeString:
    """What leads to the cards that are not seen."""
    folded, more = len(cell.cards) - _FIRST, _NOTHING
    if cell.total > len(cell.cards):
        phase = SafeString("&amp;phase=") if cell.phase is None else quote(cell.phase, safe="")
        total = counted(cell.total)
        more = put(_ALL, url=_list(), phase=phase, name=cell.name, kept=kept, total=total)
    if folded <= 0 and not more:
        return _NOTHING
    # Of all of them, though no more than the first ten are here.
    number = counted(cell.total - _FIRST)
    button = put(_FOLDED, number=number, name=cell.name) if folded > 0 else _NOTHING
    return put(_REST, folded=button, more=more)


@cache
def _list() -> str:
    return reverse("cards")


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
    # Of our own words and numbers only: there is nothing to escape.
    shape = '<rect class="{}" x="{}" width="{}" height="4" />'
    return SafeString("".join(shape.format(*part) for part in parts if part[2] != "0.0"))


def _card(card: Shown) -> SafeString:
    why = _WHY.get(card.cell)
    draft = put(_DRAFT, url=card_url(card.id)) if card.draft else _NOTHING
    again = put(_ATTEMPT, number=card.attempts) if card.attempts > 1 else _NOTHING
    holds_up = put(_HOLDS_UP, number=card.holds_up) if card.holds_up else _NOTHING
    return put(
        _CARD,
        look=" overdue" if card.expired else " review" if card.in_review else "",
        id=card.id,
        name=whole(card.id),
        seen=Seen.of(card),
        url=card_url(card.id),
        title=line(card.title),
        priority=card.priority,
        lease=_lease(card),
        cell=card.cell,
        since=_time("for", "since ", card.status_changed_at),
        draft=draft,
        extra=again + holds_up + _due(card),
        why=why(card) if why else _NOTHING,
    )


def _due(card: Shown) -> SafeString:
    if card.due is None:
        return _NOTHING
    # Where there is little room, what is late is said alone.
    style, word = ("late-time", _IS_LATE) if card.late else ("extra", "due")
    return put(_DUE, style=style, word=word, time=_time("due", "", card.due))


def _lease(card: Shown) -> SafeString:
    if card.claim_expires_at is None:
        return _NOTHING
    return put(
        _LEASE,
        owner=worker(card.claim_owner),
        state=_EXPIRED if card.expired else "lease",
        left=_time("left", "", card.claim_expires_at),
    )


def _waits(card: Shown) -> SafeString:
    held = _NOTHING
    if card.held and card.not_before:
        held = put(_HELD, until=_time("due", "until ", card.not_before))
    if not card.waits_for:
        return held
    chips = " ".join(put(_CHIP, state=s, url=card_url(i), id=i) for i, s in card.waits_for)
    left = card.open_dependencies - len(card.waits_for)
    more = put(_AND, left=left) if left else _NOTHING
    return SafeString(held + put(_WAITS, chips=SafeString(chips), more=more))


def _blocked(card: Shown) -> SafeString:
    if card.in_review:
        return _IN_REVIEW
    return put(_BLOCKED, why=line(why_blocked(card), _WHY_AT_MOST))


_IN_REVIEW: Final = SafeString('<p class="why"><span class="state review">in review</span></p>')
_WHY: Final = {"waiting": _waits, "blocked": _blocked}


def _time(kind: str, before: str, moment: datetime) -> SafeString:
    """The moment for a script to tell, and as text where there is none."""
    at = moment.astimezone(UTC)
    # As above.
    text = f"{before}{at.day} {at:%b %H:%M}"
    return SafeString(f'<time class="{kind}" datetime="{at.isoformat()}">{text}</time>')
