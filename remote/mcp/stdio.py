"""The tools on standard input and output, for whoever started this process."""

import os
import signal

import anyio
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from backlog.session import Opener
from remote.mcp.doing import Kept, do
from remote.mcp.server import serving
from remote.mcp.tools import offered


def serve(tier: str, worker: str, connect: Opener) -> None:
    """Act for this worker until standard input ends. Raises `UsageError`."""
    kept = Kept(connect)
    server = serving(offered(tier), lambda called, given: do(called, given, worker, kept))
    # Python would wait for whoever reads standard input, which nobody may ever close.
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    try:
        anyio.run(_run, server)
    finally:
        kept.close()


async def _run(server: "Server[object, object]") -> None:
    # Standard output is the protocol's alone: what else is written goes to standard error.
    with os.fdopen(os.dup(1), "w", encoding="utf-8") as output:
        os.dup2(2, 1)
        async with stdio_server(stdout=anyio.wrap_file(output)) as (reads, writes):
            await server.run(reads, writes, server.create_initialization_options())
