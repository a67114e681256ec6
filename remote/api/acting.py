"""A call, done: in whose name, whether they may, and once where it has an idempotency key."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backlog.errors import NotAllowed
from backlog.values import exact_json
from backlog.verbs import rights
from remote import scopes
from remote.api import answers, connection, waiting
from remote.api.claiming import within
from remote.calls import Called, call
from remote.verbs import limits
from remote.verbs.answers import Answer, once
from remote.verbs.tokens import Token


def act(request: HttpRequest, called: Called, given: dict[str, Any]) -> HttpResponseBase:
    """Do the verb with these values as the token of the request lets it. Raises `Refusal`."""
    token: Token = request.auth  # type: ignore[attr-defined]  # ninja's
    if not scopes.allows(token.scope, called.name):
        needed = scopes.NEEDED[called.name]
        raise NotAllowed(
            f"{called.name} needs a token of scope {needed}; this one is {token.scope}"
        )
    seconds = waiting.seconds(request, given) if called.name == "claim" else 0
    body = answers.pieces([called.name, exact_json(given)])
    given, holds = in_the_name(called, given, token)
    limits.check(token, called.name, given)
    run = partial(
        call,
        called,
        given,
        token.worker,
        connection.session,
        holds=holds,
        claiming=within(token.phases),
        ask=limits.asking(token, rights.guard(" ".join(called.words))),
        as_json=not answers.for_people(request),
    )
    if called.name in answers.STREAMED:
        return run(lambda reply, options: answers.streamed(reply))
    do = partial(run, lambda reply, options: answers.answered(request, called.name, reply))
    if scopes.only_reads(called.name):
        answer = do()
        response = answers.read(request, answer)
        # What else is cut at a limit has no cursor: it is the newest, or the best.
        if request.method == "GET" and called.name == "list" and given.get("limit"):
            answers.link_to_next(request, response, given["limit"], answer.body)
        return response
    # A sweep is many transactions, and may be made as often as anybody likes.
    key = request.headers.get("Idempotency-Key") if called.name != "sweep" else None
    return answers.sent(waiting.until(request, seconds, partial(_once, token, key, body, do)))


def _once(
    token: Token, key: str | None, body: bytes, do: Any, *, keeps: Any = lambda answer: True
) -> Answer:
    if key is None:
        answer: Answer = do()
        return answer
    with connection.session() as session:
        return once(session, token.key, key, body, do, keeps=keeps)


def in_the_name(
    called: Called, given: Mapping[str, Any], token: Token
) -> tuple[dict[str, Any], bool]:
    """The values with the worker of the token as whoever acts; whether what is said of a claim is
    said by its holder. Raises `NotAllowed`.
    """
    said, holds = dict(given), True
    for parameter in called.parameters:
        name = parameter.name
        if name != "by" and parameter.settings.get("env") != "BACKLOG_OWNER":
            continue
        if name == "owner" and name in said and said[name] is None:
            if not scopes.allows(token.scope, "edit"):
                raise NotAllowed("only a token of scope operate acts without an owner")
            holds = False
        elif said.get(name) not in (None, token.worker):
            raise NotAllowed(f"{name} is {token.worker}, the worker of the token: leave it out")
        elif name == "by":
            said[name] = token.worker
    return said, holds
