"""The API: an operation for each verb that can be called, made from the command's own table."""

from typing import Any, Final
from urllib.parse import unquote

from django.http import HttpRequest
from django.http.response import HttpResponseBase
from ninja import Body, NinjaAPI, Query
from ninja.parser import Parser

import backlog
from backlog.errors import UsageError
from remote import scopes
from remote.api import bodies, errors, schemas
from remote.api.access import BearerToken
from remote.api.acting import act
from remote.calls import Called, takes_none, verbs

ABOUT: Final = "Every verb of the command: the same checks, the same refusals, the same JSON."


class _Parser(Parser):
    """Reads JSON so that its numbers keep every digit."""

    def parse_body(self, request: HttpRequest) -> Any:
        encoding = request.headers.get("Content-Encoding", "")
        bodies.check_kind(request.content_type or "", encoding)
        return bodies.read(request.body)


def _operations(api: NinjaAPI) -> dict[str, list[str]]:
    """Add an operation for each verb. Returns the names that each verb takes, by its own name."""
    taken = {}
    for called in verbs():
        model = schemas.of(called)
        taken[called.name] = [str(field.alias) for field in model.model_fields.values()]
        how: dict[str, Any] = {
            "auth": BearerToken(),
            "response": {200: Any},  # refusals, the same everywhere, are of the document
            "summary": called.verb.help,
            "tags": [scopes.NEEDED[called.name]],
            "by_alias": True,
            "url_name": called.name,
        }
        api.post(f"/{called.name}", operation_id=called.identifier, **how)(_posted(called, model))
        if scopes.only_reads(called.name):
            got = _got(called, model)
            api.get(f"/{called.name}", operation_id=f"get_{called.identifier}", **how)(got)
    return taken


def _posted(called: Called, model: type[schemas.Given]) -> Any:
    """The view of POST."""
    empty: Any = ... if any(each.is_required() for each in model.model_fields.values()) else model()

    def posted(request: HttpRequest, given: model = Body(empty)) -> HttpResponseBase:  # type: ignore[valid-type, type-arg]  # noqa: B008 (ninja's way)
        for name in request.GET:
            if (called.name, name) != ("claim", "wait"):
                raise UsageError(
                    f"{name} belongs into the body; of a claim wait may be in the address"
                )
            _once(request, name)
        return act(request, called, given.values())  # type: ignore[attr-defined]  # as above

    return posted


def _got(called: Called, model: type[schemas.Given]) -> Any:
    """The view of GET, for verbs that only read."""
    known = [parameter.name for parameter in called.parameters]
    many = {parameter.name for parameter in called.parameters if parameter.is_list}

    def done(request: HttpRequest, values: dict[str, Any]) -> HttpResponseBase:
        if unknown := [name for name in request.GET if name not in known]:
            raise UsageError(takes_none(called.name, unknown, known))
        for name in request.GET:
            if name not in many:
                _once(request, name)
        _refuse_unread(request)
        return act(request, called, values)

    def got(request: HttpRequest, given: Query[model]) -> HttpResponseBase:  # type: ignore[valid-type]  # ninja's way
        return done(request, given.values())  # type: ignore[attr-defined]  # as above

    # Ninja looks for no query of a model without fields, and so would give the view nothing.
    return got if known else lambda request: done(request, {})


def _once(request: HttpRequest, name: str) -> None:
    if len(request.GET.getlist(name)) > 1:
        raise UsageError(f"{name} is given twice")


def _refuse_unread(request: HttpRequest) -> None:
    """What would be passed over, or read as another text: a card would be looked for that nobody
    named."""
    if request.body:
        raise UsageError("a GET says all in its address, and has no body; a POST has it there")
    try:
        unquote(request.META.get("QUERY_STRING", ""), errors="strict")
    except UnicodeDecodeError:
        raise UsageError("the address must be text in UTF-8") from None


def _made() -> NinjaAPI:
    api = NinjaAPI(
        title="Fleet Backlog",
        version=backlog.__version__,
        description=ABOUT,
        docs_url=None,  # it would come from elsewhere
        openapi_url=None,  # `remote.api.document` serves it, made once
        parser=_Parser(),
        urls_namespace="api",
    )
    errors.answer_errors(api, _operations(api))
    return api


API: Final = _made()
