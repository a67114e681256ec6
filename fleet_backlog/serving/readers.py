"""Who may read the figures: nobody, until the environment says who.

`BACKLOG_METRICS_TOKEN` is what they must show, `BACKLOG_METRICS_FROM` where they must come from;
where both are set, both hold.
"""

from functools import lru_cache
from secrets import compare_digest
from typing import Final

from django.conf import settings
from django.http import HttpRequest, HttpResponse

from backlog.store.errors import ConfigurationError
from fleet_backlog.serving import proxies

# What nobody guesses; `openssl rand -hex 16` makes twice as many.
_SHORTEST_TOKEN: Final = 16

_CLOSED: Final = (
    "Metrics are closed. They are opened by BACKLOG_METRICS_TOKEN in the environment of the"
    " server, which readers send as `Authorization: Bearer …`, or by BACKLOG_METRICS_FROM, the"
    " addresses that readers come from.\n"
)

_networks = lru_cache(proxies.networks)


def check() -> None:
    """Raise `ConfigurationError` for words of the environment that open nothing, or too much."""
    token = settings.BACKLOG_METRICS_TOKEN
    if token and len(token) < _SHORTEST_TOKEN:
        raise ConfigurationError(
            f"BACKLOG_METRICS_TOKEN must have {_SHORTEST_TOKEN} characters at least:"
            " openssl rand -hex 16 makes one"
        )
    _networks(settings.BACKLOG_METRICS_FROM, "BACKLOG_METRICS_FROM")


def there_are() -> bool:
    """Whether anybody may read them."""
    return bool(settings.BACKLOG_METRICS_TOKEN or settings.BACKLOG_METRICS_FROM)


def refused(request: HttpRequest) -> HttpResponse | None:
    """The answer for whoever may not read them; None for who may."""
    if not there_are():
        return _said(_CLOSED, 403)
    if allowed := settings.BACKLOG_METRICS_FROM:
        networks = _networks(allowed, "BACKLOG_METRICS_FROM")
        if not proxies.among(proxies.address(request), networks):
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
