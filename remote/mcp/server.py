"""The server: it lists the tools, does what is called, and answers with what came of it."""

import json
import logging
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import monotonic
from typing import Any, Final, NamedTuple

from anyio import sleep, to_thread
from mcp import types
from mcp.server.lowlevel import Server

import backlog
from backlog import values
from backlog.cli.reply import Reply
from backlog.errors import Refusal, UsageError
from backlog.records import one_line
from backlog.session import as_refusal, idle_pauses
from remote.calls import Called, takes_none
from remote.mcp.tools import INSTRUCTIONS, MOST_SECONDS, Offered
from remote.naming import by_names
from remote.scopes import only_reads

# More than any model reads, in characters; what changes something is answered whole.
LONGEST_READING: Final = 1_000_000

_logger = logging.getLogger(__name__)


class Answer(NamedTuple):
    """What a verb answered: the JSON that the command prints, and the word that it adds."""

    json: str
    note: str | None = None


# Does a verb with these values, for whoever calls. It blocks. Raises `Refusal`.
Do = Callable[[Called, Mapping[str, Any]], Answer]
# Whether nobody waits any more: the caller of this request has hung up, or the server ends.
Over = Callable[[], Awaitable[bool]]


def answering(called: Called) -> Callable[[Reply, object], Answer]:
    """The `answer` of a `call` of this verb: it reads the reply while the session is open."""
    return _reading if only_reads(called.name) else _whole


def _whole(reply: Reply, options: object) -> Answer:
    return Answer("".join(reply.json), reply.note)


def _reading(reply: Reply, options: object) -> Answer:
    """Raises `UsageError` if it is too long."""
    pieces, size = [], 0
    for piece in reply.json:  # to the end: what is read from may be a file
        size += len(piece)
        if size <= LONGEST_READING:
            pieces.append(piece)
    if size > LONGEST_READING:
        raise UsageError(
            f"the answer has {size:,} characters, and more than {LONGEST_READING:,} are too many to"
            " read: ask for less, by a limit or a phase"
        )
    return Answer("".join(pieces), reply.note)


async def _goes_on() -> bool:
    return False


def serving(tools: Mapping[str, Offered], do: Do, over: Over = _goes_on) -> Server[Any, Any]:
    """A server of these tools; whether it is `over` is asked while a claim waits."""
    server: Server[Any, Any] = Server("fleet-backlog", backlog.__version__, INSTRUCTIONS)

    async def listed(request: object) -> types.ServerResult:
        return types.ServerResult(
            types.ListToolsResult(tools=[each.tool for each in tools.values()])
        )

    async def called(request: types.CallToolRequest) -> types.ServerResult:
        name, given = request.params.name, dict(request.params.arguments or {})
        try:
            seconds = _seconds(given) if name == "claim" else 0
        except UsageError as refusal:
            return types.ServerResult(refused(refusal))
        ask = partial(_result, tools, do, name, given)
        return types.ServerResult(await _in_time(seconds, ask, over))

    # Not by the decorators: they would check what is given by the schema, in other words than ours.
    server.request_handlers[types.ListToolsRequest] = listed
    server.request_handlers[types.CallToolRequest] = called
    return server


def _seconds(given: dict[str, Any]) -> int:
    """How long a claim may wait, which it is not given. Raises `UsageError`."""
    return values.integer(values.json_text(given.pop("wait", 0)), "wait", 0, MOST_SECONDS)


async def _in_time(
    seconds: int, ask: Callable[[], types.CallToolResult], over: Over
) -> types.CallToolResult:
    """The first answer of `ask` that is not nothing, or the last one within these seconds.

    Between two tries no connection and no thread is held. For a caller who has gone meanwhile
    nothing is claimed: it would be theirs until its lease is over.
    """
    end = monotonic() + seconds
    for pause in idle_pauses():
        # It runs to its end, even if the caller hangs up meanwhile.
        result = await to_thread.run_sync(ask)
        left = end - monotonic()
        if left <= 0 or result.isError or result.content not in _NOTHING:
            return result
        await sleep(min(pause, left))
        if await over():
            return result
    raise AssertionError  # the pauses never end


def _result(
    tools: Mapping[str, Offered], do: Do, name: str, given: Mapping[str, Any]
) -> types.CallToolResult:
    try:
        found = tools.get(name)
        if found is None:
            raise UsageError(f"there is no tool {name}; there are {', '.join(tools)}")
        _check_names(found, given)
        with by_names(found.called):
            return _done(do(found.called, given))
    except Exception as error:
        refusal = as_refusal(error)
        if refusal is None:
            _logger.exception("%s failed", name)
            refusal = Refusal(f"{name} failed: a defect, which the server's log tells")
        return refused(refusal)


def _check_names(found: Offered, given: Mapping[str, Any]) -> None:
    """Raise `UsageError` for a name that neither the tool nor the verb knows. What the verb takes
    and the tool does not, such as who acts, the verb refuses in a sentence of its own."""
    taken = found.tool.inputSchema["properties"]
    known = {*taken, *(parameter.name for parameter in found.called.parameters)}
    if unknown := [name for name in given if name not in known]:
        raise UsageError(takes_none(found.tool.name, unknown, taken))


def _done(answered: Answer) -> types.CallToolResult:
    value = _value(answered.json)
    structured = value if isinstance(value, dict) else None
    # What is written for a model is read as it is, not as JSON quotes it.
    text = structured.get("markdown") if structured else None
    first = text if isinstance(text, str) and text else answered.json.rstrip("\n")
    said = [first, *([answered.note] if answered.note else [])]
    return types.CallToolResult(content=_texts(*said), structuredContent=structured)


def refused(refusal: Refusal) -> types.CallToolResult:
    """What a tool answers that is refused."""
    said = one_line(refusal)
    error = {"error": {"code": refusal.code, "message": said}}
    return types.CallToolResult(content=_texts(said), structuredContent=error, isError=True)


def _texts(*texts: str) -> list[types.ContentBlock]:
    return [types.TextContent(type="text", text=text) for text in texts]


_NOTHING: Final = (_texts("null"), _texts("[]"))


def _value(text: str) -> Any:
    """The value of the JSON. None if it cannot be sent as one: a number has more digits than Python
    reads; or a text, of what a command printed that was no UTF-8, has halves of characters."""
    try:
        value = json.loads(text)
        if "\\u" in text:
            values.json_text(value).encode()
    except (ValueError, RecursionError):
        return None
    return value
