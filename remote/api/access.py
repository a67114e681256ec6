"""Who calls: the token of a request. No session and no cookie counts here."""

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string
from ninja.security import HttpBearer

from backlog.errors import UsageError
from remote.api import connection
from remote.api.errors import NoLength, NoToken, TooManyFailures
from remote.api.failures import FAILURES
from remote.verbs import tokens

_IN_URL = ("token", "access_token")


class BearerToken(HttpBearer):
    """`Authorization: Bearer flb_…`."""

    openapi_bearerFormat = "flb_KEY_SECRET"

    def __call__(self, request: HttpRequest) -> tokens.Token:
        """Who calls. Raises `NoToken`, `TooManyFailures`, `UsageError`."""
        if any(name in request.GET for name in _IN_URL):
            raise UsageError("a token is sent in the header Authorization, and never in an address")
        if "Transfer-Encoding" in request.headers:
            raise NoLength("the body must come with its Content-Length, and not in chunks")
        return self.authenticate(request, shown(request.headers.get("Authorization", "")))

    def authenticate(self, request: HttpRequest, token: str) -> tokens.Token:
        """The token that is shown. Raises `NoToken`, `TooManyFailures`."""
        # The caller's, also behind a proxy: the project says which proxies it believes.
        address = import_string(settings.AXES_CLIENT_IP_CALLABLE)
        found = let_in(token, address(request))
        request.META["backlog.worker"] = found.worker  # for the access log
        return found


def shown(authorization: str) -> str:
    """The token that a header shows. Raises `NoToken`."""
    kind, _, token = authorization.strip().partition(" ")
    if not token or kind.lower() != "bearer":
        raise NoToken("a token is needed: Authorization: Bearer flb_… (`token create` makes one)")
    return token.strip()


def let_in(token: str, here: str) -> tokens.Token:
    """The token that is shown from the address `here`. Raises `NoToken`, `TooManyFailures`."""
    key = tokens.key_of(token)
    if wait := FAILURES.wait(here, key, _keys):
        raise TooManyFailures(wait)
    found = connection.first(lambda session: tokens.found(session, token))
    if found is None:
        FAILURES.count(here)
        raise NoToken("this token lets nobody in: it is none, or it is over, or revoked")
    return found


def _keys() -> frozenset[str]:
    with connection.session() as session:
        return tokens.keys(session)
