"""How values are written on a page."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Final

from django import template
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from backlog.lifecycle import FLEET
from backlog.verbs import search
from backlog.verbs.rules import Limit, Pause

register = template.Library()

# As many characters of a text are shown where it is one of many, and as many ids are named.
LINE: Final = 200
IDS: Final = 20

_UNITS = ((86400, "d"), (3600, "h"), (60, "min"), (1, "s"))


@register.filter
def duration(time: float | timedelta | None) -> str:
    """Seconds, say, in the largest unit that holds them, one decimal; nothing for None."""
    if time is None:
        return ""
    seconds = time.total_seconds() if isinstance(time, timedelta) else time
    for size, unit in _UNITS:
        if seconds >= size:
            return f"{seconds / size:.1f} {unit}"
    return f"{max(seconds, 0):.1f} s"


@register.simple_tag
def time(moment: datetime, kind: str, before: str = "", *, seconds: bool = False) -> SafeString:
    """A moment in UTC, with a word before it, if the page's script does not say it better.

    `kind`: `ago` (how long ago), `left` (how long until then), `due` (either).
    """
    shown = f"{moment.day} {moment:%b %Y %H:%M}"
    shown += f"{moment::%S}" if seconds else ""
    return format_html(
        '<time class="{}" datetime="{}">{}{}</time>', kind, moment.isoformat(), before, shown
    )


@register.filter
def amount(number: int | Decimal | None) -> str:
    """Every digit that says something, in groups of three; nothing for None."""
    return "" if number is None else f"{Decimal(number).normalize():,f}"


@register.filter
def counted(number: int) -> str:
    """A count as it says itself: `1,000+` of one that was not ended."""
    return str(number)


@register.filter
def scope(rule: Pause | Limit) -> str:
    """Whom a pause or a limit is about."""
    if rule.scope == FLEET:
        return "the fleet"
    return f"{'worker' if rule.scope == 'owner' else rule.scope} {line(rule.name)}"


@register.filter
def line(value: Any, most: int = LINE) -> str:
    """The text, or its beginning and an ellipsis; nothing for None."""
    text = "" if value is None else str(value)
    return text if len(text) <= most else f"{text[: most - 1]}…"


@register.filter
def ids(given: Sequence[str]) -> str:
    """The first of these ids, and how many more there are."""
    more = f" and {len(given) - IDS:,} more" if len(given) > IDS else ""
    return ", ".join(given[:IDS]) + more


@register.filter
def marked(text: str, words: tuple[str, ...]) -> SafeString:
    """The text, with what a search for these words found in it marked."""
    pieces = (
        format_html("<mark>{}</mark>", piece) if found else escape(piece)
        for piece, found in search.marked(text, words)
    )
    return mark_safe("".join(pieces))  # noqa: S308 (each is escaped)
