"""Does a call: in whose name, as far as they may, and once only if it has an idempotency key."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from hashlib import sha256
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backlog.errors import NotAllowed
from backlog.session import transact
from backlog.values import exact_json, json_text
from backlog.verbs import rights
from remote import scopes, words
from remote.api import answers, connection, waiting
from remote.api.claiming import within
from remote.calls import Called, call, in_the_name
from remote.naming import by_names
from remote.verbs import limits
from remote.verbs.answers import Answer, once
from remote.verbs.tokens import Token


def act(request: HttpRequest, called: Called, given: dict[str, Any]) -> HttpResponseBase:
    """Do the verb with these values, as far as the token of the request allows it.

    Raises `Refusal`: in the names of the call, or, if the command sent it, in the command's words.
    """
    with nullcontext() if answers.for_a_command(request) else by_names(called):
        return _acted(request, called, given)


def _acted(request: HttpRequest, called: Called, given: dict[str, Any]) -> HttpResponseBase:
    token: Token = request.auth  # type: ignore[attr-defined]  # ninja's
    seconds = waiting.seconds(request, given) if called.name == "claim" else 0
    run = partial(as_token(called, given, token), as_json=not answers.for_people(request))
    if called.name in words.STREAMED:
        streamed: HttpResponseBase = run(lambda reply, options: answers.streamed(reply))
        return streamed
    do = partial(run, lambda reply, options: answers.answered(request, called.name, reply))
    if scopes.only_reads(called.name):
        answer = _read(request, called.name, token, do)
        response = answers.read(request, answer)
        # What else is cut at a limit has no cursor: it is the newest, or the best.
        if request.method == "GET" and called.name == "list" and given.get("limit"):
            answers.link_to_next(request, response, given["limit"], answer.body)
        return response
    # A sweep is many transactions, and may be made as often as anybody likes.
    key = request.headers.get("Idempotency-Key") if called.name != "sweep" else None
    done = partial(_once, called.name, token, key, given, do)
    # All else is done, whether or not anybody still reads the answer.
    is_claim = called.name == "claim"
    return answers.sent(waiting.until(request, seconds, done) if is_claim else done())


def _read(request: HttpRequest, verb: str, token: Token, do: Callable[[], Answer]) -> Answer:
    """The answer of a verb that only reads, from a replica if it may be a little old: for a token
    that only reads, and so looks for nothing that it has just written. Events are always read from
    the primary: a replica does not know which transactions are under way.

    The request has `from_replica` if the project has a replica: see `fleet_backlog.replica`.
    """
    from_replica = getattr(request, "from_replica", None)
    if from_replica is None or token.scope != scopes.READ or verb in words.OF_LINES:
        return do()
    answer: Answer = from_replica(do)
    return answer


def as_token(called: Called, given: Mapping[str, Any], token: Token) -> partial[Any]:
    """A `call` of the verb that does what this token may; it still takes `answer`, and `as_json`.

    Raises `NotAllowed` if the token may not do the verb at all, or not so.
    """
    if not scopes.allows(token.scope, called.name):
        needed = scopes.NEEDED[called.name]
        raise NotAllowed(
            f"{called.name} needs a token of scope {needed}; this one is {token.scope}"
        )
    operates = scopes.allows(token.scope, "edit")
    said, holds = in_the_name(called, given, token.worker, operates=operates)
    limits.check(token, called.name, said)
    return partial(
        call,
        called,
        said,
        token.worker,
        connection.reading if scopes.only_reads(called.name) else connection.session,
        holds=holds,
        claiming=within(token.phases),
        ask=limits.asking(token, rights.guard(" ".join(called.words))),
    )


def _once(
    verb: str,
    token: Token,
    key: str | None,
    given: Mapping[str, Any],
    do: Any,
    *,
    keeps: Any = lambda answer: True,
    check: Any = None,
) -> Answer:
    """What `do` answers; with a key, what it did when the same was asked with this key before. What
    it does is undone if `check`, which is given the answer, raises anything."""
    if key is None and check is None:
        answer: Answer = do()
        return answer

    def checked() -> Answer:
        answer: Answer = do()
        if check is not None:
            check(answer)
        return answer

    with connection.session() as session:
        if key is None:
            return transact(session, checked)
        asked = sha256(json_text([verb, exact_json(given)]).encode()).digest()
        hides = answers.without_secret if verb in answers.WITH_SECRET else str
        return once(session, token.key, key, asked, checked, keeps=keeps, hides=hides)
