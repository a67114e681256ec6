"""`sweep`: one pass, or one after the other until the process is told to stop."""

import os
import select
import signal
import time
from argparse import Namespace
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from backlog import values
from backlog.cli.loops import Wait, repeat
from backlog.cli.reply import Reply, document
from backlog.session import Session

if TYPE_CHECKING:
    from backlog.verbs.sweep import Swept

# Pruning looks at all that is old, each time; nothing hurries.
_PRUNE_EVERY_SECONDS: Final = 3600.0


def sweep(session: Session, options: Namespace) -> Reply:
    from backlog.verbs.sweep import sweep as one_pass

    days = _retention_days(os.environ)
    if options.every is not None:
        return Reply(
            _passes(session, options, days, as_json=True),
            (line[:-1] for line in _passes(session, options, days, as_json=False)),
        )
    done = one_pass(session, days)
    return Reply(document(_answer(done)), [_line(done)])


def _retention_days(environ: Mapping[str, str]) -> int:
    days = environ.get("BACKLOG_RETENTION_DAYS") or "0"
    return values.integer(days, "BACKLOG_RETENTION_DAYS", 0, _MOST_DAYS)


_MOST_DAYS: Final = 36_500


def _passes(session: Session, options: Namespace, days: int, *, as_json: bool) -> Iterator[str]:
    """A line for each pass that did something, until SIGTERM or SIGINT."""
    from backlog.verbs.sweep import sweep as one_pass

    pruned_at: float | None = None

    def step(session: Session) -> list[str]:
        nonlocal pruned_at
        now = time.monotonic()
        prune = pruned_at is None or now - pruned_at >= _PRUNE_EVERY_SECONDS
        done = one_pass(session, days if prune else 0)
        pruned_at = now if prune else pruned_at
        if not any(done):
            return []
        return document(_answer(done)) if as_json else [_line(done) + "\n"]

    with _until_told() as wait:
        yield from repeat(session, options.open_session, step, options.every, wait)


@contextmanager
def _until_told() -> Iterator[Wait]:
    """Waits that SIGTERM and SIGINT end; a second signal ends the pass under way as well."""
    told, tell = os.pipe()

    def handle(signum: int, frame: FrameType | None) -> None:
        os.write(tell, b".")  # an Event could be locked by the very thread that this interrupts
        signal.signal(signum, signal.SIG_DFL)

    before = {each: signal.signal(each, handle) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield lambda seconds: bool(select.select([told], [], [], seconds)[0])
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        os.close(told)
        os.close(tell)


def _answer(done: "Swept") -> dict[str, Any]:
    return {
        "reclaimed": done.reclaimed,
        "woken": done.woken,
        "pruned": {"events": done.events, "runs": done.runs},
    }


def _line(done: "Swept") -> str:
    reclaimed = ", ".join(done.reclaimed) or "-"
    pruned = f"{done.events} events, {done.runs} runs"
    return f"reclaimed: {reclaimed}; woken: {done.woken}; pruned: {pruned}"
