"""What is refused, as HTTP says it: a status, and the JSON that the command prints."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any, Final

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponse
from ninja import NinjaAPI
from ninja.errors import HttpError, ValidationError

from backlog.errors import ClaimLost, Refusal, StoreUnavailable, UsageError
from backlog.records import one_line
from backlog.session import as_refusal
from backlog.values import json_text
from remote.api.bodies import NotTaken
from remote.calls import takes_none
from remote.words import EXIT_STATUS, JSON, TOO_MANY

_RETRY_SECONDS: Final = 1


class NoToken(Refusal):
    """Whoever calls has no token, or one that lets nobody in."""

    code = "no_token"
    http_status = 401


class TooManyFailures(Refusal):
    """From this address came too many tokens that are none."""

    code = "too_many_failures"
    http_status = 429

    def __init__(self, seconds: int) -> None:
        super().__init__(f"too many tokens that are none came from here: wait {seconds} s")
        self.retry_after = seconds


class TooMany(Refusal):
    """As many calls wait as there is room for."""

    code = TOO_MANY
    http_status = 503


class Gone(Refusal):
    """Nobody reads the answer; the status is nginx's for that, and stands in the log alone."""

    code = "gone"
    http_status = 499


class NoSuchVerb(Refusal):
    code = "not_found"
    http_status = 404


class NoSuchMethod(UsageError):
    """A verb that changes something is never done by GET."""

    code = "method_not_allowed"


class TooLarge(UsageError):
    code = "too_large"


class NoLength(UsageError):
    """Django takes a body in chunks for none: what is asked for would not be what is done."""

    code = "length_required"


# Statuses that are others than on a page.
_STATUSES: Final[tuple[tuple[type[Refusal], int], ...]] = (
    (TooLarge, 413),
    (NoLength, 411),
    (NoSuchMethod, 405),
    (NotTaken, 415),
    (UsageError, 422),
    (ClaimLost, 423),
)

# What pydantic finds, in the words of the command.
_MUST_BE: Final = "must be "
_UNKNOWN: Final = "extra_forbidden"
_KINDS: Final = {
    "bool": "true or false",
    "decimal": "a number",
    "dict": "an object",
    "int": "a whole number",
    "list": "a list",
    "model": "a JSON object",
    "string": "a string",
}


def message(refusal: Refusal) -> str:
    """Its sentence, for somebody who is elsewhere."""
    if isinstance(refusal, StoreUnavailable):  # whose words name the database's address
        logging.getLogger(__name__).error("%s", one_line(refusal))
        return "the store cannot be reached; it may be starting again: try again in a moment"
    return one_line(refusal)


def refused(refusal: Refusal) -> HttpResponse:
    """The answer to a call that is refused."""
    statuses = [status for kind, status in _STATUSES if isinstance(refusal, kind)]
    status = statuses[0] if statuses else refusal.http_status
    response = _answer(status, refusal.code, message(refusal), refusal.exit_status)
    response["Cache-Control"] = "no-store"
    response._has_been_logged = True  # type: ignore[attr-defined]  # Django would warn of each
    if status == 401:
        response["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        response["Retry-After"] = getattr(refusal, "retry_after", _RETRY_SECONDS)
    return response


def _answer(status: int, code: str, message: str, exit_status: int = 1) -> HttpResponse:
    body = json_text({"error": {"code": code, "message": message}})
    headers = {EXIT_STATUS: exit_status}
    return HttpResponse(f"{body}\n", JSON, status, headers=headers)


def answer_errors(api: NinjaAPI, taken: Mapping[str, Sequence[str]]) -> None:
    """Have each error of this API answered in this form. `taken`: the names of the parameters, by
    the verb's name, which its URL has."""

    @api.exception_handler(Exception)
    def any_error(request: HttpRequest, error: Exception) -> HttpResponse:
        refusal = as_refusal(error)
        if refusal is not None:
            return refused(refusal)
        # Without what was sent, and without the headers, which have the token.
        logging.getLogger("django.request").error("%s", request.path, exc_info=error)
        return _answer(500, "internal", "this is a defect; the log has it")

    @api.exception_handler(ValidationError)
    def wrong_shape(request: HttpRequest, error: ValidationError) -> HttpResponse:
        unknown = [_where(each["loc"]) for each in error.errors if each["type"] == _UNKNOWN]
        said = [_faults([each for each in error.errors if each["type"] != _UNKNOWN])]
        if unknown and request.resolver_match:
            verb = str(request.resolver_match.url_name)
            said.append(takes_none(verb, unknown, taken[verb]))
        return refused(UsageError("; ".join(filter(None, said))))

    @api.exception_handler(HttpError)
    def unreadable(request: HttpRequest, error: HttpError) -> HttpResponse:
        cause = error.__cause__
        return refused(cause if isinstance(cause, Refusal) else UsageError(str(error)))

    @api.exception_handler(RequestDataTooBig)
    def too_large(request: HttpRequest, error: RequestDataTooBig) -> HttpResponse:
        return refused(TooLarge("the body is too large: 10 MiB are the most"))


def _faults(errors: list[dict[str, Any]]) -> str:
    """The faults of a body in words: where, and what would be right; never what was sent."""
    kinds: dict[str, dict[str, None]] = {}
    found = [(_where(each["loc"]), each) for each in errors]
    for where, error in found:
        kinds.setdefault(where, {})[_wanted(error)] = None
    return "; ".join(f"{where} {' or '.join(wanted)}" for where, wanted in kinds.items()).replace(
        f" or {_MUST_BE}", " or "
    )


def _where(place: tuple[int | str, ...]) -> str:
    """The name that it has in the body or in the query, and which of a list it is."""
    name, *rest = place[2 if place[0] == "body" else 1 :] or ("the body",)
    # The words behind it are the types that pydantic has tried.
    return ".".join([str(name), *(str(each) for each in rest if isinstance(each, int))])


def _wanted(error: dict[str, Any]) -> str:
    kind, limits = error["type"], error.get("ctx", {})
    if kind == "missing":
        return "is missing"
    if kind == "greater_than_equal":
        return f"{_MUST_BE}{limits['ge']} or more"
    if kind == "less_than_equal":
        return f"{_MUST_BE}{limits['le']} or less"
    wanted = _KINDS.get(kind.split("_")[0])
    return f"{_MUST_BE}{wanted}" if wanted else f"is wrong: {error['msg']}"
