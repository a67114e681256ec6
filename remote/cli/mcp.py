"""`mcp`: the verbs as tools for agents."""

import os
from typing import Final

from backlog import values
from backlog.cli.options import Options, text, verb
from backlog.cli.reply import Reply
from backlog.errors import Refusal, UsageError, WrongState

_TIERS: Final = ("small", "full")


@verb(
    "mcp",
    "the verbs as tools for agents (Model Context Protocol), on standard input or over HTTP",
    text("--owner", values.name, "on standard input: the worker who acts", env="BACKLOG_OWNER"),
    text(
        "--tier",
        lambda value, name: values.one_of(value, name, _TIERS),
        "small, what a worker needs, or full, every verb (%(default)s)",
        choices=_TIERS,
        metavar="TIER",
        default="small",
    ),
    text("--http", values.line, "serve over HTTP there; tokens say who acts", metavar="HOST:PORT"),
    on_session=False,
)
def mcp(options: Options) -> Reply:
    """Serve until the client hangs up, or the process is asked to end."""
    from importlib.util import find_spec  # the help, which reads this module, does without

    if find_spec("mcp") is None:
        raise Refusal("this needs more packages: pip install 'fleet-backlog[mcp]'")
    elsewhere = bool(os.environ.get("BACKLOG_URL", "").strip())
    if options.http is not None:
        _over_http(options, elsewhere=elsewhere)
    elif elsewhere:
        from remote.client.address import Address
        from remote.mcp import stdio

        stdio.serve_from(options.tier, Address.of())
    elif options.owner is None:
        raise UsageError("say who acts: BACKLOG_OWNER=NAME, or --owner NAME")
    else:
        from remote.mcp import stdio

        stdio.serve(options.tier, options.owner, options.connect)
    return Reply([], [])


def _over_http(options: Options, *, elsewhere: bool) -> None:
    if elsewhere:
        raise WrongState(
            "--http is of the host with the database: run it there, without BACKLOG_URL"
        )
    from backlog.schema import set_up_django

    with options.connect():  # the store is there, and its schema is ours
        pass
    set_up_django()  # the manager claims for tokens that are limited to phases
    from remote.mcp import http

    http.serve(options.http, options.tier)
