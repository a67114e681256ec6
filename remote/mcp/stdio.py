"""The tools on standard input and output, for whoever started this process."""

import json
import os
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from io import TextIOWrapper
from typing import Any, Final

import anyio
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.message import SessionMessage

from backlog import logs
from backlog.errors import UsageError
from backlog.records import one_line
from backlog.session import Opener
from remote.api import bodies
from remote.client.address import Address
from remote.client.wire import Wire
from remote.mcp.doing import Kept, by_wire, here
from remote.mcp.server import Do, refused, serving
from remote.mcp.tools import offered

# The most digits of a call's id: no library sends longer ones.
_MOST_DIGITS: Final = 30


def serve(tier: str, worker: str, connect: Opener) -> None:
    """Act for this worker on the store until standard input ends."""
    with closing(Kept(connect)) as kept:
        _serve(tier, partial(here, worker=worker, connect=kept))


def serve_from(tier: str, address: Address) -> None:
    """Act for the worker of the token, by the server there, until standard input ends."""
    with closing(Wire(address)) as wire:
        _serve(tier, by_wire(wire))


def _serve(tier: str, do: Do) -> None:
    logs.to_stderr()
    # End at once: Python would wait for the thread that reads standard input, maybe for ever.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # One thread does all calls, one after the other: a connection is for one thread.
    with ThreadPoolExecutor(1) as thread:
        server = serving(offered(tier), lambda *asked: thread.submit(do, *asked).result())
        # The caller has gone, and reads no answer.
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, BrokenPipeError):
            anyio.run(_run, server)


async def _run(server: "Server[Any, Any]") -> None:
    arriving = _Arriving()
    # Standard output is the protocol's alone: what else is written goes to standard error.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        given: Any = arriving  # it is read line by line, and no more
        async with stdio_server(given, anyio.wrap_file(output)) as (reads, writes):
            arriving.answer = writes.send
            await server.run(reads, writes, server.create_initialization_options())


class _Arriving:
    """The lines of standard input, without calls that have a value which JSON does not have.

    The library would read NaN and 1e400 as numbers, and would not answer half a character at all.
    Such calls are refused here, by `answer`.
    """

    answer: Callable[[SessionMessage], Awaitable[None]]

    async def __aiter__(self) -> AsyncIterator[str]:
        given = TextIOWrapper(sys.stdin.buffer, encoding="utf-8", errors="replace")
        async for line in anyio.wrap_file(given):
            said = _refusal_of(line)
            if said is None:
                yield line
            else:
                await self.answer(SessionMessage(types.JSONRPCMessage(said)))


def _refusal_of(line: str) -> types.JSONRPCResponse | types.JSONRPCError | None:
    """The answer to a call that is no value of JSON; None: the library answers."""
    try:
        bodies.read(line.encode(), bodies.finite, "a call")
    except UsageError as refusal:
        asked = _call(line)
        if asked is None:
            return None
        known: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        if asked.get("method") == "tools/call":
            result = refused(refusal).model_dump(mode="json", by_alias=True, exclude_none=True)
            return types.JSONRPCResponse(**known, result=result)
        error = types.ErrorData(code=types.INVALID_PARAMS, message=one_line(refusal))
        return types.JSONRPCError(**known, error=error)
    return None


def _call(line: str) -> dict[str, Any] | None:
    """The call, read as well as it goes, if it has an id to be answered by."""
    try:
        asked = json.loads(line, parse_int=lambda digits: int(digits[:_MOST_DIGITS]))
        str(asked["id"]).encode()
    except (ValueError, TypeError, LookupError, RecursionError):
        return None
    return asked if type(asked["id"]) in (str, int) else None
