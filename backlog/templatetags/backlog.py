"""How values are written on a page."""

from datetime import timedelta
from decimal import Decimal

from django import template

from backlog.lifecycle import FLEET
from backlog.verbs.rules import Limit, Pause

register = template.Library()

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


@register.filter
def amount(number: int | Decimal | None) -> str:
    """Every digit that says something, in groups of three; nothing for None."""
    return "" if number is None else f"{Decimal(number).normalize():,f}"


@register.filter
def scope(rule: Pause | Limit) -> str:
    """Whom a pause or a limit is about."""
    if rule.scope == FLEET:
        return "the fleet"
    return f"{'worker' if rule.scope == 'owner' else rule.scope} {rule.name}"
