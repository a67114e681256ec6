"""A cell of the board, and the heading of a lane, as HTML, the same for every reader.

A page has hundreds of cards: each is put together here, which takes a third of a template's time.
`format_html` escapes whatever it is given, as a template does.
"""

import re
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import Final

from django.template.loader import render_to_string
from django.urls import reverse
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.text import Truncator

from backlog.web.buttons import Seen
from backlog.web.queries.board import BoardCard, Cell, Heading

_NOTHING: Final = SafeString("")
_NOTE: Final = 120

# An id of these characters stands in a path as it is.
_PLAIN: Final = re.compile(r"[A-Za-z0-9-]+")


# What a cell shows is a function of the cell alone, so that most of a page is made only once.
@lru_cache(maxsize=2048)
def cell_html(cell: Cell) -> SafeString:
    """The cell as HTML."""
    cards = format_html_join("", "{}", ((_card(card, cell.name),) for card in cell.cards))
    context = {"cell": cell, "cards": cards, "more": cell.total > len(cell.cards)}
    return render_to_string("backlog/_cell.html", context)


@lru_cache(maxsize=256)
def heading_html(heading: Heading) -> SafeString:
    """The heading of a lane as HTML."""
    return render_to_string("backlog/_lane.html", {"lane": heading})


def _card(card: BoardCard, cell: str) -> SafeString:
    return format_html(
        '<li class="card{}" data-card="{}"><input type="checkbox" form="act" name="card"'
        ' value="{}" aria-label="Select {}"> <a href="{}"><b>{}</b> {}</a>'
        '<p><span title="priority">p{}</span>{} <span>{} {}</span>{}{}</p>{}{}{}</li>',
        " overdue" if card.expired else "",
        card.id,
        str(Seen.of(card)),
        card.id,
        _url(card.id),
        card.id,
        card.title,
        card.priority,
        _lease(card),
        cell,
        _time("ago", "since ", card.status_changed_at),
        format_html(" <span>attempt {}</span>", card.attempts) if card.attempts > 1 else _NOTHING,
        format_html(" <span>holds up {}</span>", card.holds_up) if card.holds_up else _NOTHING,
        _held(card),
        _waits(card),
        _why(card) if cell == "blocked" else _NOTHING,
    )


def _lease(card: BoardCard) -> SafeString:
    if card.claim_owner is None or card.claim_expires_at is None:
        return _NOTHING
    state = SafeString('<strong class="expired">expired</strong>' if card.expired else "lease")
    left = _time("left", "", card.claim_expires_at)
    return format_html(
        ' <span class="owner">{}</span> <span>{} {}</span>', card.claim_owner, state, left
    )


def _held(card: BoardCard) -> SafeString:
    if card.held_until is None or card.cell != "waiting":
        return _NOTHING
    return format_html(
        '<p class="chips">held back, {}</p>', _time("due", "until ", card.held_until)
    )


def _waits(card: BoardCard) -> SafeString:
    if not card.waits_for:
        return _NOTHING
    chips = format_html_join(
        " ",
        '<a class="chip {}" href="{}">{} <small>{}</small></a>',
        (
            (status or "missing", _url(needed), needed, status or "missing")
            for needed, status in card.waits_for
        ),
    )
    more = f" and {card.more} more" if card.more else ""
    return format_html('<p class="chips">waits for {}{}</p>', chips, more)


def _why(card: BoardCard) -> SafeString:
    note = f": {Truncator(card.block_note).chars(_NOTE)}" if card.block_note else ""
    return format_html('<p class="why">{}{}</p>', card.block_reason, note)


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
