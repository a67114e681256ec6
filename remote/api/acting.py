"""A call, done: in whose name, whether they may, and once where it has an idempotency key."""

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any

from django.http import HttpRequest
from django.http.response import HttpResponseBase

from backlog.errors import NotAllowed
from backlog.values import exact_json
from backlog.verbs import rights
from remote import scopes
from remote.acting import in_the_name
from remote.api import answers, connection, waiting
from remote.api.claiming import within
from remote.calls import Called, call
from remote.naming import by_names
from remote.verbs import limits
from remote.verbs.answers import Answer, once
from remote.verbs.tokens import Token


def act(request: HttpRequest, called: Called, given: dict[str, Any]) -> HttpResponseBase:
    """Do the verb with these values as the token of the request lets it. Raises `Refusal`, to whom
    the command itself sent it in the words of the command."""
    with nullcontext() if answers.for_a_command(request) else by_names(called):
        return _acted(request, called, given)


def _acted(request: HttpRequest, called: Called, given: dict[str, Any]) -> HttpResponseBase:
    token: Token = request.auth  # type: ignore[attr-defined]  # ninja's
    seconds = waiting.seconds(request, given) if called.name == "claim" else 0
    run = partial(as_token(called, given, token), as_json=not answers.for_people(request))
    if called.name in answers.STREAMED:
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
    """The answer; a little old perhaps, for a token that has nothing of its own to read again. What
    follows events asks the primary: which transactions are under way a replica does not know.

    The request has `from_replica` where the project has a replica that may be read: see
    `fleet_backlog.replica`.
    """
    from_replica = getattr(request, "from_replica", None)
    if from_replica is None or token.scope != scopes.READ or verb in answers.OF_LINES:
        return do()
    answer: Answer = from_replica(do)
    return answer


def as_token(called: Called, given: Mapping[str, Any], token: Token) -> partial[Any]:
    """The verb as the token lets it be done: called with what is made of its reply, as `call`.

    Raises `NotAllowed`.
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
    """What `do` answers; undone if `check`, which is given it, raises anything."""
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
            with session.transaction():
                return checked()
        asked = answers.pieces([verb, exact_json(given)])
        hides = answers.without_secret if verb in answers.WITH_SECRET else str
        return once(session, token.key, key, asked, checked, keeps=keeps, hides=hides)
