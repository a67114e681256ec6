"""An agent that calls the tools, by the client of the protocol's own library."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import anyio
from mcp.shared.memory import create_connected_server_and_client_session as connected

from backlog.cli.connection import open_session
from remote.mcp import server
from remote.mcp.doing import here
from remote.mcp.tools import offered


def in_a_loop(work, *given):
    """What it gives, run on a thread of its own: in this one a browser's loop may be running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(anyio.run, work, *given).result()


def ask(*calls, worker="ada", tier="full", connect=open_session, do=here):
    """What these tools answer to an agent that acts as this worker: `("show", {"id": "A"})`."""

    async def run():
        tools = offered(tier)
        made = server.serving(tools, partial(do, worker=worker, connect=connect))
        async with connected(made) as client:
            return [await client.call_tool(name, given) for name, given in calls]

    return in_a_loop(run)


def said(result):
    return result.content[0].text
