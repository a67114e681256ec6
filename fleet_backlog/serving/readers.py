"""Who may read the figures: nobody, until the environment says who.

`BACKLOG_METRICS_TOKEN` is what they must show, `BACKLOG_METRICS_FROM` where they must come from;
where both are set, both hold.
"""

from secrets import compare_digest
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from fleet_backlog.networks import among
from fleet_backlog.serving import proxies

_CLOSED: Final = (
    "Metrics are closed. They are opened by BACKLOG_METRICS_TOKEN in the environment of the"
    " server, which readers send as `Authorization: Bearer …`, or by BACKLOG_METRICS_FROM, the"
    " addresses that readers come from.\n"
)


def there_are() -> bool:
    """Whether anybody may read them."""
    return bool(settings.BACKLOG_METRICS_TOKEN or settings.BACKLOG_METRICS_FROM)


def refused(request: HttpRequest) -> HttpResponse | None:
    """The answer for whoever may not read them; None for who may."""
    if not there_are():
        return _said(_CLOSED, 403)
    allowed = settings.BACKLOG_METRICS_FROM
    if allowed and not among(proxies.address(request), allowed):
        return _said("Metrics are not for this address.\n", 403)
    if token := settings.BACKLOG_METRICS_TOKEN:
        scheme, _, shown = request.headers.get("Authorization", "").partition(" ")
        right = compare_digest(shown.strip().encode(), token.encode())
        if scheme.lower() != "bearer" or not right:
            response = _said("Metrics are for who shows the token.\n", 401)
            response["WWW-Authenticate"] = "Bearer"
            return response
    return None


def _said(text: str, status: int) -> HttpResponse:
    return HttpResponse(text, status=status, content_type="text/plain; charset=utf-8")
