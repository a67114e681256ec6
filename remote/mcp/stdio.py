"""The tools on standard input and output, for whoever started this process."""

import os
import signal
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from functools import partial
from typing import Any

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from backlog import logs
from backlog.session import Opener
from remote.client.address import Address
from remote.client.wire import Wire
from remote.mcp.doing import Kept, by_wire, here
from remote.mcp.server import Do, serving
from remote.mcp.tools import offered


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
    # Python would wait for whoever reads standard input, which nobody may ever close.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    # One does all that is asked, one after the other: a connection is used by no other thread.
    with ThreadPoolExecutor(1) as thread:
        server = serving(offered(tier), lambda *asked: thread.submit(do, *asked).result())
        # Whoever asked has gone, and reads no answer.
        with suppress(anyio.ClosedResourceError, anyio.BrokenResourceError, BrokenPipeError):
            anyio.run(_run, server)


async def _run(server: "Server[Any, Any]") -> None:
    # Standard output is the protocol's alone: what else is written goes to standard error.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        async with stdio_server(stdout=anyio.wrap_file(output)) as (reads, writes):
            await server.run(reads, writes, server.create_initialization_options())
