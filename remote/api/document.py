"""The OpenAPI document: what ninja makes of the operations, and what holds for all of them."""

import json
from functools import cache
from http.client import responses
from typing import Any, Final

from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils.cache import get_conditional_response
from pydantic import create_model

from backlog.records import WIRE_NAMES, Record
from remote import scopes, words
from remote.api import answers
from remote.api.site import API
from remote.calls import verbs
from remote.verbs.answers import LONGEST_KEY

_TEXT: Final = {"type": "string"}
_KEY: Final = {
    "in": "header",
    "name": "Idempotency-Key",
    "description": "the first answer is kept for a day, and given again to the same call",
    "schema": {**_TEXT, "minLength": 1, "maxLength": LONGEST_KEY},
}
_ETAG: Final = {
    "in": "header",
    "name": "If-None-Match",
    "description": "the ETag of an answer that the caller has: 304 if it is the same",
    "schema": _TEXT,
}
_WAIT: Final = {
    "in": "query",
    "name": "wait",
    "description": "seconds to wait for something to claim",
    "schema": {"type": "integer", "minimum": 0, "maximum": words.MOST_SECONDS},
}
_HEADERS: Final = {
    words.EXIT_STATUS: {
        "description": "the exit status that the command would have",
        "schema": {"type": "integer"},
    },
    words.WORKER: {
        "description": "whose token it is, percent-encoded, if it lets anybody in",
        "schema": _TEXT,
    },
}
_REPLY: Final = {
    "type": "object",
    "description": "what the command prints, and how it ends",
    "required": ["status", "json", "text", "note"],
    "properties": {
        "status": {"type": "integer"},
        "json": {},
        "text": {"type": ["array", "null"], "items": _TEXT},
        "note": {"type": ["string", "null"]},
    },
}
_REFUSED: Final = {
    "type": "object",
    "description": "nothing was done, or nothing has changed",
    "required": ["error"],
    "properties": {
        "error": {
            "type": "object",
            "required": ["code", "message"],
            "properties": {
                "code": _TEXT,
                "message": {**_TEXT, "description": "what is wrong, and what would be right"},
            },
        }
    },
}
_CARD: Final = {"$ref": "#/components/schemas/Card"}
_CARDS: Final = {"type": "array", "items": _CARD}
# What is answered with cards; what the others answer, the command's pages show.
_ANSWERS: Final[dict[str, Any]] = {
    "create": _CARD,
    "list": _CARDS,
    "claim": {"anyOf": [_CARD, _CARDS, {"type": "null"}]},
}
# Columns that hold JSON.
_JSON: Final = {"depends_on": list[str], "acceptance": Any, "answer": Any}


def openapi(request: HttpRequest) -> HttpResponseBase:
    """The document; anybody may read it."""
    if request.method != "GET":
        return HttpResponseNotAllowed(["GET"])
    text, etag = _written(reverse("api:api-root"))
    response = HttpResponse(text, content_type=words.JSON, headers={"ETag": etag})
    response["Cache-Control"] = "public, no-cache"
    return get_conditional_response(request, etag=etag, response=response) or response


@cache
def _written(root: str) -> tuple[str, str]:
    text = json.dumps(document(root), ensure_ascii=False)
    return text, answers.etag(text)


def document(root: str) -> dict[str, Any]:
    """OpenAPI 3.1 of the API, which hangs at `root`."""
    made: dict[str, Any] = API.get_openapi_schema(path_prefix=root)
    made["components"]["schemas"] |= {"Reply": _REPLY, "Refused": _REFUSED, "Card": _card()}
    shared: dict[str, Any] = {}
    made["components"]["responses"] = shared
    for called in verbs():
        for method, operation in made["paths"][f"{root}{called.name}"].items():
            _complete(operation, called.name, method)
            for status in _refusals(called.name):
                shared[str(status)] = _refusal(status)
                operation["responses"][status] = {"$ref": f"#/components/responses/{status}"}
    return made


def _card() -> dict[str, Any]:
    """The schema of a card as `records.to_json` writes one."""
    fields: Any = {
        key: (_JSON.get(name, Record.__annotations__[name]), ...)
        for name, key in WIRE_NAMES.items()
    }
    made: dict[str, Any] = create_model("Card", **fields).model_json_schema(mode="serialization")
    return made


def _refusals(verb: str) -> tuple[int, ...]:
    """The statuses that a refusal of this verb may have."""
    lost = () if scopes.only_reads(verb) else (423,)
    return (401, 403, 404, 409, 413, 415, 422, *lost, 429, 503)


def _refusal(status: int) -> dict[str, Any]:
    """What every verb answers with this status."""
    schema = {"$ref": "#/components/schemas/Refused"}
    content = {words.JSON: {"schema": schema}}
    return {"description": responses[status], "headers": _HEADERS, "content": content}


def _complete(operation: dict[str, Any], verb: str, method: str) -> None:
    """Say in the operation what ninja does not know of the verb."""
    operation["description"] = f"Scope: {scopes.NEEDED[verb]}."
    parameters, answered = operation["parameters"], operation["responses"]
    if "requestBody" in operation:
        operation["requestBody"]["content"][words.JSON]["schema"].pop("default", None)
    for parameter in parameters:  # a query has no null: what is not given is left out
        given = [each for each in parameter["schema"].pop("anyOf", ()) if each != {"type": "null"}]
        parameter["schema"] |= given[0] if given else {}
        if "enum" in parameter["schema"]:
            parameter["schema"]["enum"] = [each for each in parameter["schema"]["enum"] if each]
    if method == "get" and verb not in words.STREAMED:
        parameters.append(_ETAG)
        answered[304] = {"description": "Not Modified"}
    if not scopes.only_reads(verb):
        parameters.append(_KEY)
    if verb == "claim":
        parameters.append(_WAIT)
    content = answered[200]["content"]
    content[words.JSON]["schema"] = _ANSWERS.get(verb, {})
    if verb in words.OF_LINES:
        content[words.LINES] = content.pop(words.JSON)
    if verb not in words.STREAMED:
        content[words.REPLY] = {"schema": {"$ref": "#/components/schemas/Reply"}}
    for response in answered.values():
        response["headers"] = _HEADERS
