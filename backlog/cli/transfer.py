"""`import`, `export`: many cards at once, as JSON."""

import os
import sys
from collections.abc import Callable, Iterable
from contextlib import nullcontext
from stat import S_ISBLK, S_ISCHR
from typing import Any, Final

from backlog.cli.options import Options, flag, verb
from backlog.cli.progress import bar
from backlog.cli.reply import Reply, document, kept
from backlog.errors import UsageError
from backlog.records import to_json
from backlog.session import Session
from backlog.shown import say

_AWAITED: Final = (
    "cards are awaited, as JSON lines or as an array; Ctrl-D on an empty line ends them"
)


@verb(
    "import",
    "cards from JSON lines or a JSON array, all or nothing",
    ("file", {"metavar": "FILE", "help": "a file, or - for standard input"}),
    flag("--update", "change cards that exist"),
    flag("--ignore-unknown", "leave keys out that no card has, and count them"),
    flag("--dry-run", "check everything, write nothing"),
)
def import_cards(session: Session, options: Options) -> Reply:
    from backlog.verbs import faults, transfer

    ignored = faults.UnknownKeys() if options.ignore_unknown else None
    with bar(sys.stderr) as progress:
        done = transfer.import_cards(
            session,
            read_lines(options.file),
            update=options.update,
            dry_run=options.dry_run,
            ignored=ignored,
            progress=progress,
        )
    answer = {**done._asdict(), "dryRun": options.dry_run}
    text = ", ".join(f"{kind}: {count}" for kind, count in done._asdict().items())
    if ignored is not None:
        answer["ignored"] = ignored.counts
        text += f", ignored: {ignored}"
    return document(answer, [text + (" (dry run)" if options.dry_run else "")])


def read_lines(file: str) -> list[bytes]:
    """The lines of a file, or of standard input (-). Raises `UsageError`."""
    from pathlib import Path

    try:
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as source:
            if source.isatty():
                say(sys.stderr, [_AWAITED])
            elif _is_endless(os.fstat(source.fileno())):
                raise ValueError("it is a device")
            return source.readlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        name = file or "a file without a name"
        advice = "FILE is a file of cards, or - for standard input"
        raise UsageError(f"cannot read {name}: {reason}; {advice}") from None


def _is_endless(status: os.stat_result) -> bool:
    """Whether it is a device, of which there is no end: all but /dev/null."""
    from pathlib import Path

    is_null = status.st_rdev == Path(os.devnull).stat().st_rdev
    return S_ISBLK(status.st_mode) or (S_ISCHR(status.st_mode) and not is_null)


def _one_export(options: Options) -> None:
    if options.events and options.runs:
        raise UsageError("--events and --runs are two exports: give one of them")


@verb(
    "export",
    "every card as a JSON line",
    flag("--events", "every event instead"),
    flag("--runs", "every ended run instead"),
    check=_one_export,
)
def export(session: Session, options: Options) -> Reply:
    from backlog.verbs import transfer

    exported: Callable[[Session], Iterable[Any]] = transfer.export_cards
    if options.events or options.runs:
        exported = transfer.export_events if options.events else transfer.export_runs
    # Microseconds here: the order of claims survives an import elsewhere.
    lines = kept(to_json(row, "microseconds") for row in exported(session))
    return Reply((f"{line}\n" for line in lines), None)
