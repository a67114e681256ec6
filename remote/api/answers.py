"""A verb's reply as an HTTP answer."""

import json
import re
from hashlib import sha256
from typing import Final

from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response, patch_vary_headers

from backlog.cli.reply import Reply
from backlog.values import json_text
from remote.verbs.answers import Answer
from remote.words import EXIT_STATUS, FOR_PEOPLE, JSON, LINES, OF_LINES, REPLY

# They tell a secret, once.
WITH_SECRET: Final = ("webhook/add", "webhook/rotate")
# As JSON, and in a line for people.
_SECRET: Final = re.compile(r'"secret":"whsec_[^"]*"|secret=whsec_[\w+/=]*')


def answered(request: HttpRequest, verb: str, reply: Reply) -> Answer:
    """The whole answer, in the form that the request accepts."""
    if for_a_command(request):
        return Answer(reply.status, REPLY, _whole(verb, reply, for_people(request)))
    kind = LINES if verb in OF_LINES else JSON
    return Answer(reply.status, kind, "".join(reply.json))


def for_a_command(request: HttpRequest) -> bool:
    """Whether the command asks, which prints the whole reply, and refusals as they are."""
    return REPLY in request.headers.get("Accept", "")


def for_people(request: HttpRequest) -> bool:
    """Whether the whole reply is to have the lines for people in place of the JSON. It never has
    both: the verb makes one of them as it reads."""
    return FOR_PEOPLE in request.headers.get("Accept", "")


def _whole(verb: str, reply: Reply, as_text: bool) -> str:
    """The reply as JSON, in which its own JSON stands as it was written."""
    text = list(reply.text) if as_text and reply.text is not None else None
    value = "".join(reply.json).rstrip("\n") if text is None else "null"
    if text is None and verb in OF_LINES:
        value = f"[{','.join(value.split(chr(10)))}]"
    rest = json_text({"text": text, "note": reply.note})
    return f'{{"status":{reply.status},"json":{value},{rest[1:]}\n'


def streamed(reply: Reply) -> HttpResponseBase:
    """An answer that is sent as it is read."""
    lines = (piece.encode() for piece in reply.json)
    response = StreamingHttpResponse(lines, content_type=LINES)
    response[EXIT_STATUS] = reply.status
    response["Cache-Control"] = "no-store"
    return response


def sent(answer: Answer) -> HttpResponse:
    """The answer of a verb that did something."""
    response = HttpResponse(answer.body, content_type=answer.content_type)
    response[EXIT_STATUS] = answer.exit_status
    response["Cache-Control"] = "no-store"
    return response


def read(request: HttpRequest, answer: Answer) -> HttpResponseBase:
    """The answer of a verb that only reads: 304 if the caller has it already."""
    response = sent(answer)
    tag = response["ETag"] = etag(answer.body)
    response["Cache-Control"] = "private, no-cache"
    patch_vary_headers(response, ["Accept", "Authorization"])
    if request.method not in ("GET", "HEAD"):
        return response
    found = get_conditional_response(request, etag=tag, response=response) or response
    found[EXIT_STATUS] = answer.exit_status
    return found


def etag(text: str) -> str:
    """The `ETag` of an answer: what it says, and not when."""
    return f'"{sha256(text.encode()).hexdigest()[:32]}"'


def link_to_next(request: HttpRequest, response: HttpResponseBase, limit: int, body: str) -> None:
    """Where the next page is, if this one is full: `Link`, as RFC 8288 has it."""
    cards = json.loads(body)
    if isinstance(cards, dict):  # the whole reply
        cards = cards["json"]  # null, where its lines for people stand in its place
    if cards and len(cards) == limit:
        query = request.GET.copy()
        query["after"] = cards[-1]["id"]
        response["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'


def without_secret(body: str) -> str:
    """The answer without what signs for a webhook."""
    return _SECRET.sub(lambda found: "secret=-" if "=" in found[0][:7] else '"secret":null', body)
