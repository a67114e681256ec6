"""How far back a page looks: `?span=24h`, or `?days=7` as addresses of before have it."""

from django.http import HttpRequest

from backlog import values
from backlog.verbs.flow import DAY, SPANS

DEFAULT = "24h"

_DAYS = [name.removesuffix("d") for name, span in SPANS.items() if span.part == DAY]


def span_of(request: HttpRequest) -> str:
    """The name of one of `SPANS`. Raises `UsageError`."""
    if "days" in request.GET:
        return f"{values.one_of(request.GET['days'], 'days', _DAYS)}d"
    return values.one_of(request.GET.get("span", DEFAULT), "span", SPANS)
