"""The tools over streamable HTTP: each request has its token, and no session outlives it."""

import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Any, Final

import uvicorn
from anyio import from_thread, to_thread
from django.conf import settings
from django.db import connections
from mcp.server.lowlevel.server import Server, request_ctx
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from backlog.errors import NotAllowed, StoreUnavailable
from backlog.session import as_refusal
from backlog.shown import say
from remote.api import bodies, connection, errors
from remote.api.access import let_in, shown
from remote.api.acting import as_token
from remote.calls import Called
from remote.listening import address_of, listen
from remote.mcp.server import Answer, answering, serving
from remote.mcp.tools import offered

PATH: Final = "/mcp"


def serve(bind: str, tier: str) -> None:
    """Serve at `address:port` until SIGTERM or Ctrl-C. Raises `Refusal`."""
    app = application(tier, lambda: running.should_exit)
    opened = listen(bind, "--http")
    config = uvicorn.Config(
        app,
        log_config=None,  # ours: what goes wrong, a line each, on standard error
        access_log=False,
        forwarded_allow_ips=os.environ.get("FORWARDED_ALLOW_IPS", "") or "127.0.0.1,::1",
        timeout_graceful_shutdown=30,
    )
    say(sys.stdout, [f"Serving tools on http://{address_of(opened)}{PATH} (Ctrl-C stops it)"])
    sys.stdout.flush()
    running = uvicorn.Server(config)
    running.run(sockets=[opened])


def application(tier: str, ends: Callable[[], bool] = lambda: False) -> Starlette:
    """The server as an ASGI application, for one start; a claim waits until it `ends`."""

    async def over() -> bool:
        request: Any = request_ctx.get().request
        gone: bool = await request.is_disconnected()
        return gone or ends()

    server: Server[Any, Any] = serving(offered(tier), _do, over)
    # Stateless: no session is lost when the process ends, and the server says nothing by itself.
    manager = StreamableHTTPSessionManager(server, json_response=True, stateless=True)
    route = Route(PATH, _Guarded(manager.handle_request))
    return Starlette(routes=[route], lifespan=lambda _: manager.run())


def _do(called: Called, given: Mapping[str, Any]) -> Answer:
    """The verb in the name of the token that came with the request."""
    request: Any = request_ctx.get().request
    try:
        with _no_connection_left():
            do = partial(as_token(called, given, request.state.token), answering(called))
            return _claimed(do, request) if called.name == "claim" else do()
    except Exception as error:
        refusal = as_refusal(error)
        if isinstance(refusal, StoreUnavailable):
            raise StoreUnavailable(errors.message(refusal)) from None
        raise


def _claimed(do: Callable[[], Answer], request: Request) -> Answer:
    """What is claimed, unless whoever asked has hung up by then. Raises `Gone`."""
    with connection.session() as session, session.transaction():
        done = do()
        if from_thread.run(request.is_disconnected):
            raise errors.Gone("whoever asked has hung up")
        return done


@contextmanager
def _no_connection_left() -> Iterator[None]:
    """Django's connection of this thread lives until the end: an agent thinks for minutes."""
    try:
        yield
    finally:
        connections.close_all()


class _Guarded:
    """Lets in what shows a token, and refuses the rest as the API does."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope)
        try:
            if "origin" in request.headers:
                raise NotAllowed("no page of a browser may call the tools")
            if request.method != "POST":  # by GET clients listen, to who has nothing to say
                raise errors.NoSuchMethod("POST only")
            address = request.client.host if request.client else ""
            token = shown(request.headers.get("authorization", ""))
            request.state.token = await to_thread.run_sync(_let_in, token, address)
            # What it is said to be, the library looks at.
            bodies.check_kind("", request.headers.get("content-encoding", ""))
            arrived = await _whole(receive)
        except Exception as error:
            refusal = as_refusal(error)
            if refusal is None:
                raise
            said = errors.refused(refusal)
            if isinstance(refusal, errors.NoSuchMethod):
                said["Allow"] = "POST"
            await Response(said.content, said.status_code, dict(said.items()))(scope, receive, send)
            return
        await self._app(scope, arrived, send)


async def _whole(receive: Receive) -> Receive:
    """Read the whole body; a `receive` that gives it, and then what else comes. The library would
    read however much is sent. Raises `TooLarge`, `UsageError`."""
    body, more = bytearray(), True
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            raise errors.TooLarge("the body is too large: 10 MiB are the most")
    if body:  # the library would log it as a defect
        bodies.read(bytes(body), bodies.finite)
    first = [{**message, "body": bytes(body)}]

    async def arrived() -> Message:
        return first.pop() if first else await receive()

    return arrived


def _let_in(token: str, address: str) -> Any:
    with _no_connection_left():
        return let_in(token, address)
