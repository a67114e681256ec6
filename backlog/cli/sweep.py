"""`sweep`: one pass, or one after the other until the process is told to stop."""

import os
import select
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from threading import Thread
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from backlog import values
from backlog.cli.loops import Wait, repeat, told
from backlog.cli.options import Options, number, verb
from backlog.cli.reply import Reply, document, stream
from backlog.session import Opener, Session, as_refusal
from backlog.shown import named
from backlog.values import json_text

if TYPE_CHECKING:
    from backlog.verbs.sweep import Swept

# Pruning and archiving look at all that is old, each time; nothing hurries.
_PRUNE_EVERY_SECONDS: Final = 3600.0
_MOST_DAYS: Final = 36_500


@verb(
    "sweep",
    "reclaim what is expired, wake what is due, archive and prune what is old",
    number("--every", 1, "for ever, with so many seconds between"),
)
def sweep(session: Session, options: Options) -> Reply:
    from backlog.verbs import beside
    from backlog.verbs.kept import is_large
    from backlog.verbs.sweep import look
    from backlog.verbs.sweep import sweep as one_pass

    old = days(os.environ)
    if options.every is not None:
        return stream(_passes(session, options, old))
    done = one_pass(session, *old)
    done = done._replace(others={**done.others, **beside.done_outside(session)})
    if is_large(session):
        look(session)
    return document(_answer(done), [_line(done)])


def days(environ: Mapping[str, str]) -> tuple[int, int]:
    """How long history is kept, and after how long what is done is archived; 0: for ever, never.

    Raises `UsageError`.
    """
    names = ("BACKLOG_RETENTION_DAYS", "BACKLOG_ARCHIVE_DAYS")
    kept, shown = (values.integer(environ.get(n) or "0", n, 0, _MOST_DAYS) for n in names)
    return kept, shown


def _passes(session: Session, options: Options, old: tuple[int, int]) -> Iterator[str]:
    """A line for each pass that did something, until SIGTERM or SIGINT. Raises `UsageError`."""
    from backlog.verbs import beside
    from backlog.verbs.kept import is_large
    from backlog.verbs.sweep import look
    from backlog.verbs.sweep import sweep as one_pass

    written, tell = _form(options)
    pruned_at: float | None = None
    looking = _Beside(options.connect, partial(look, paced=True))
    telling = _Beside(options.connect, beside.done_outside)

    def step(session: Session) -> list[str]:
        nonlocal pruned_at
        now = time.monotonic()
        prune = pruned_at is None or now - pruned_at >= _PRUNE_EVERY_SECONDS
        done = one_pass(session, *old) if prune else one_pass(session)
        if is_large(session):
            looking.go_on()
        if beside.waits(session):
            telling.go_on()
        pruned_at = now if prune else pruned_at
        return [written(done)] if any(done) else []

    with _until_told() as wait:
        yield from repeat(session, options.connect, step, options.every, wait, tell)


def _form(options: Options) -> "tuple[Callable[[Swept], str], Callable[[str, str], str] | None]":
    """What makes a line of a pass, and what tells of the database. Raises `UsageError`."""
    from backlog import json_logs

    if options.json:
        return lambda done: json_text(_answer(done)), None
    if not json_logs.are_asked_for(os.environ):
        return _line, None

    def written(done: "Swept") -> str:
        return json_logs.line("backlog.sweep", _line(done), verb="sweep", **_answer(done))

    def tell(what: str, reason: str) -> str:
        level = "warning" if reason else "info"
        return json_logs.line("backlog.sweep", told(reason), level, verb="sweep", what=what)

    return written, tell


class _Beside:
    """What takes long, on a session of its own beside the passes, which go on meanwhile.

    What the database refuses is tried again with the next pass that finds it at an end.
    """

    def __init__(self, connect: Opener, work: Callable[[Session], object]) -> None:
        self._connect, self._work = connect, work
        self._thread: Thread | None = None

    def go_on(self) -> None:
        """Do it, unless it is being done."""
        if self._thread is None or not self._thread.is_alive():
            self._thread = Thread(target=self._run, daemon=True)
            self._thread.start()

    def _run(self) -> None:
        try:
            with self._connect() as session:
                self._work(session)
        except Exception as error:
            if as_refusal(error) is None:
                raise


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
    """What every pass says, and what else was done, if anything was."""
    more = {"overrun": list(done.overrun), "archived": done.archived, **done.others}
    return {
        "reclaimed": done.reclaimed,
        "woken": done.woken,
        "pruned": {"events": done.events, "runs": done.runs},
        **{key: did for key, did in more.items() if did},
    }


def _line(done: "Swept") -> str:
    reclaimed = named(done.reclaimed) or "-"
    pruned = f"{done.events} events, {done.runs} runs"
    line = f"reclaimed: {reclaimed}; woken: {done.woken}; pruned: {pruned}"
    line += f"; ran too long: {named(done.overrun)}" if done.overrun else ""
    line += f"; archived: {done.archived}" if done.archived else ""
    return line + "".join(f"; {key}: {named(did)}" for key, did in done.others.items())
