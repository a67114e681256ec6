"""`work`: the options of a worker, checked before it claims anything."""

import os
import sys
from argparse import REMAINDER
from collections.abc import Callable
from typing import Any, Final

from backlog import switches, values
from backlog.cli.claims import NOTHING_TAKEN
from backlog.cli.options import POOL, WORKER, Options, Said, flag, number, one_of, verb
from backlog.cli.reply import Reply
from backlog.errors import UsageError
from backlog.lifecycle import DEFAULT_TTL_SECONDS

_MOST_AT_ONCE: Final = 100
_SWITCH: Final = ("on", "off")
_OUTPUT: Final = "off: keep nothing of what commands print (on)"

# Kept from the command, so that what it runs of other projects finds no database of ours. The table
# is in docs/workers.md.
_SECRET: Final = (b"SECRET_KEY", b"BACKLOG_TRANSFER_TO")
_OF_THE_SERVER: Final = (
    *(b"DATABASE_URL", b"BACKLOG_REPLICA_URL", b"PGHOST", b"PGHOSTADDR", b"PGPORT", b"PGDATABASE"),
    *(b"PGUSER", b"PGPASSWORD", b"PGPASSFILE", b"PGSERVICE", b"PGSERVICEFILE"),
    *(b"PGSSLCERT", b"PGSSLKEY"),
)


def _output(value: str) -> str:
    """`on` or `off`, which a variable may say as other switches do. Raises `UsageError`."""
    if isinstance(value, Said):
        return _SWITCH[0 if switches.read(value, value.name) else 1]
    return values.one_of(value, "--output", _SWITCH)


@verb(
    "work",
    "claim cards and run a command for each: work --owner W -- COMMAND",
    WORKER,
    *POOL,
    number("--ttl", 1, "seconds a lease lasts (900)", default=DEFAULT_TTL_SECONDS),
    number("--concurrency", 1, f"cards at a time (1), at most {_MOST_AT_ONCE}", default=1),
    flag("--once", "one card; exit as claim --exit-code, or with 1 if it failed"),
    flag("--drain", "until nothing is claimable"),
    number("--grace", 0, "seconds commands have to end after SIGTERM (30)", default=30),
    number("--backoff", 0, "seconds after a failure, then twice that, … (10)", default=10),
    number("--max-runtime", 1, "seconds a command may run; then it is ended, as failed"),
    number("--stall", 1, "seconds it may print nothing; then it is ended, as failed"),
    flag("--pass-database", "let the command have DATABASE_URL"),
    one_of("--output", _SWITCH, _OUTPUT, _output, default="on", env="BACKLOG_OUTPUT"),
    ("command", {"nargs": REMAINDER, "metavar": "-- COMMAND", "help": "to run"}),
    on_session=False,  # it connects again and again, on threads of its own
)
def work(options: Options) -> Reply:
    """Work, for as long as the options say. Nothing is on standard output but what commands say."""
    environ = _for_the_command(_started_with(), options.pass_database)
    argv = _command(options.command)
    if options.once and options.drain:
        raise UsageError("--once takes one card, --drain all of them: give one of the two")
    if options.concurrency > (1 if options.once else _MOST_AT_ONCE):
        raise UsageError(f"--concurrency must be at most {_MOST_AT_ONCE}, and 1 with --once")
    log_line = _log_line(options)
    from backlog.verbs.pool import Pool
    from backlog.worker.first import stand_aside
    from backlog.worker.plan import DRAIN, FOREVER, ONCE, Plan, by
    from backlog.worker.worker import DONE, FAILED
    from backlog.worker.worker import work as run

    plan = Plan(
        owner=options.owner,
        argv=argv,
        environ=environ,
        pool=Pool(options.phase, options.role, *options.of_actor),
        ttl=options.ttl,
        concurrency=options.concurrency,
        until=ONCE if options.once else DRAIN if options.drain else FOREVER,
        grace=options.grace,
        backoff=options.backoff,
        deeds=options.deeds or by(options.claiming),
        output=options.output == "on",
        max_runtime=options.max_runtime,
        stall=options.stall,
    )
    stand_aside()
    ended = run(options.connect, plan, log_line)
    return Reply([], [], {DONE: 0, FAILED: 1, **NOTHING_TAKEN}[ended])


def _log_line(options: Options) -> Callable[[dict[str, Any]], str]:
    """What makes a line of the worker's log. Raises `UsageError`."""
    if options.json:
        return values.json_text
    from backlog import json_logs
    from backlog.worker.console import pairs

    return json_logs.of_transition if json_logs.are_asked_for(os.environ) else pairs


def _started_with() -> dict[bytes, bytes]:
    """The environment of this process as it began: Django and a manage.py set variables in it."""
    from pathlib import Path

    if sys.platform != "linux":
        return dict(os.environb)
    try:
        given = Path("/proc/self/environ").read_bytes()
    except OSError:
        return dict(os.environb)
    pairs = (line.partition(b"=") for line in given.split(b"\0") if b"=" in line)
    return {name: value for name, _, value in pairs}


def _for_the_command(environ: dict[bytes, bytes], pass_database: bool) -> dict[bytes, bytes]:
    """What the command may have of it."""
    from backlog.store.storage import WITHHELD

    has_server = bool(environ.get(b"DATABASE_URL", b"").strip())
    withheld = has_server and not pass_database
    dropped = {*_SECRET, b"BACKLOG_STORE", *(_OF_THE_SERVER if withheld else ())}
    kept = {name: value for name, value in environ.items() if name not in dropped}
    return kept | {b"BACKLOG_STORE": WITHHELD.encode()} if withheld else kept


def _command(words: list[str]) -> list[str]:
    from shutil import which

    if len(words) < 2 or words[0] != "--":
        raise UsageError("say what to run, at the end: work --owner W -- COMMAND")
    if which(words[1]) is None:
        raise UsageError(f"{words[1]} cannot be run: there is no such program, or it may not run")
    return words[1:]
