"""`backlog work`: the options of a worker, checked before it claims anything."""

import os
import shutil
from argparse import Namespace
from typing import Any, Final

from backlog.cli.commands import NOTHING_TAKEN
from backlog.cli.reply import Reply
from backlog.errors import UsageError

_MOST_AT_ONCE: Final = 100


def work(connect: Any, options: Namespace) -> Reply:
    """Work, for as long as the options say. Nothing is on standard output but what commands say."""
    environ = dict(os.environb)  # before a connection drops variables from it
    argv = _command(options.command)
    from backlog.verbs.pool import Pool
    from backlog.worker.plan import DRAIN, FOREVER, ONCE, Plan
    from backlog.worker.worker import DONE, FAILED
    from backlog.worker.worker import work as run

    if options.once and options.drain:
        raise UsageError("--once takes one card, --drain all of them: give one of the two")
    if options.concurrency > (1 if options.once else _MOST_AT_ONCE):
        raise UsageError(f"--concurrency must be at most {_MOST_AT_ONCE}, and 1 with --once")
    plan = Plan(
        owner=options.owner,
        argv=argv,
        environ=environ,
        pool=Pool(options.phase, options.role),
        ttl=options.ttl,
        concurrency=options.concurrency,
        until=ONCE if options.once else DRAIN if options.drain else FOREVER,
        grace=options.grace,
        backoff=options.backoff,
    )
    return Reply([], [], {DONE: 0, FAILED: 1, **NOTHING_TAKEN}[run(connect, plan, options.json)])


def _command(words: list[str]) -> list[str]:
    if len(words) < 2 or words[0] != "--":
        raise UsageError("say what to run, at the end: work --owner W -- COMMAND")
    if shutil.which(words[1]) is None:
        raise UsageError(f"{words[1]} cannot be run: there is no such program, or it may not run")
    return words[1:]
