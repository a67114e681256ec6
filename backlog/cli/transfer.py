"""`import`, `export`: many cards at once, as JSON lines."""

import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

from backlog.cli.options import Options, flag, verb
from backlog.cli.reply import Reply, document, stream
from backlog.errors import StoreUnavailable, UsageError
from backlog.records import to_json
from backlog.session import Session
from backlog.shown import say_again

_WIDTH: Final = 30
_STEPS: Final = 200
_IN_MEMORY: Final = 2**24


@verb(
    "import",
    "cards from JSON lines, all or nothing",
    ("file", {"metavar": "FILE", "help": "a file, or - for standard input"}),
    flag("--update", "change cards that exist"),
    flag("--dry-run", "check everything, write nothing"),
)
def import_cards(session: Session, options: Options) -> Reply:
    from backlog.verbs import transfer

    lines = _read(options.file)
    with _bar(sys.stderr, len(lines)) as progress:
        done = transfer.import_cards(
            session, lines, update=options.update, dry_run=options.dry_run, progress=progress
        )
    counts = done._asdict()
    text = ", ".join(f"{kind}: {count}" for kind, count in counts.items())
    answer = {**counts, "dryRun": options.dry_run}
    return document(answer, [text + (" (dry run)" if options.dry_run else "")])


def _read(file: str) -> list[bytes]:
    if file == "-":
        return sys.stdin.buffer.readlines()
    try:
        with Path(file).open("rb") as opened:
            return opened.readlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(f"cannot read {file}: {reason}") from None


@contextmanager
def _bar(stream: TextIO, total: int) -> Iterator[Callable[[str, int], None]]:
    """What is told a stage and how much of `total` is done in it; on a terminal only, shown."""
    shown, step = stream.isatty(), max(total // _STEPS, 1)

    def show(text: str) -> None:
        say_again(stream, text)

    def progress(stage: str, done: int) -> None:
        if shown and done % step == 0:
            filled = _WIDTH * done // max(total, 1)
            show(f"[{'#' * filled}{'-' * (_WIDTH - filled)}] {done} of {max(total, 1)} {stage}")

    try:
        yield progress
    finally:
        if shown:
            show("")


@verb(
    "export",
    "every card as a JSON line",
    flag("--events", "every event instead"),
    flag("--runs", "every ended run instead"),
)
def export(session: Session, options: Options) -> Reply:
    from backlog.verbs import transfer

    if options.events and options.runs:
        raise UsageError("--events and --runs are two exports: give one of them")
    exported: Callable[[Session], Iterable[Any]] = transfer.export_cards
    if options.events or options.runs:
        exported = transfer.export_events if options.events else transfer.export_runs
    # Microseconds here: the order of claims survives an import elsewhere.
    return stream(_kept(to_json(row, "microseconds") for row in exported(session)))


def _kept(lines: Iterator[str]) -> Iterator[str]:
    """The lines, once all of them are read: a slow reader holds up no transaction, and sees no
    export that is not whole. What is long waits in a temporary file.
    """
    from tempfile import SpooledTemporaryFile, gettempdir  # the other commands start without

    with SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="\n") as kept:
        try:
            kept.writelines(f"{line}\n" for line in lines)
            kept.seek(0)
        except OSError as error:
            raise StoreUnavailable(
                f"nothing is exported: a file in {gettempdir()} cannot be written"
                f" ({error.strerror}); free some space, or set TMPDIR"
            ) from None
        yield from (line.removesuffix("\n") for line in kept)
