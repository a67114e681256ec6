"""`import`, `export`: many cards at once, as JSON."""

import os
import sys
from collections.abc import Callable, Iterable
from stat import S_ISBLK, S_ISCHR
from typing import Any, BinaryIO, Final

from backlog.cli.caller import CALLER
from backlog.cli.options import Options, flag, one_of, verb
from backlog.cli.progress import bar
from backlog.cli.reply import Reply, document, few, kept
from backlog.errors import UsageError
from backlog.records import to_json
from backlog.session import Session
from backlog.shown import say
from backlog.verbs import foreign

_AWAITED: Final = (
    "cards are awaited, as JSON lines or as an array; Ctrl-D on an empty line ends them"
)


@verb(
    "import",
    "cards from JSON lines or a JSON array, all or nothing",
    ("file", {"metavar": "FILE", "help": "a file, or - for standard input"}),
    one_of(
        "--from",
        foreign.TRACKERS,
        f"the backlog of another tracker, a file or a directory: {', '.join(foreign.TRACKERS)}",
        dest="tracker",
        metavar="TRACKER",
    ),
    flag("--update", "change cards that exist"),
    flag("--ignore-unknown", "leave keys out that no card has, and count them"),
    flag("--dry-run", "check everything, write nothing"),
)
def import_cards(session: Session, options: Options) -> Reply:
    from backlog.verbs import faults, transfer

    ignored = faults.UnknownKeys() if options.ignore_unknown else None
    how = {"update": options.update, "dry_run": options.dry_run, "ignored": ignored}
    how["allow"] = options.allow
    report = None
    with bar(sys.stderr) as progress:
        if options.tracker:
            items = source(options.tracker, options.file)
            done, report = foreign.import_from(
                session, options.tracker, items, **how, progress=progress
            )
        else:
            lines = read_lines(options.file)
            done = transfer.import_cards(session, lines, **how, progress=progress)
    answer = {**done._asdict(), "dryRun": options.dry_run}
    text = ", ".join(f"{kind}: {count}" for kind, count in done._asdict().items())
    if ignored is not None:
        answer["ignored"] = ignored.counts
        text += f", ignored: {ignored}"
    said = [text + (" (dry run)" if options.dry_run else "")]
    if report is not None:
        answer |= {"from": options.tracker, **report.as_json()}
        said += few(report.as_lines())
    return document(answer, said)


def source(tracker: str, given: str) -> str | list[bytes]:
    """What another tracker's module reads: the lines of its file, or its directory."""
    file = foreign.file_of(tracker, given)
    return given if file is None else read_lines(file, foreign.MOST_BYTES)


def read_lines(file: str, most: int = -1) -> list[bytes]:
    """The lines of a file, or of standard input (-); of any size, or of so many bytes at most.
    Raises `UsageError`.
    """
    from io import BytesIO

    try:
        with CALLER.get().open(file) as source:
            if source.isatty():
                say(sys.stderr, [_AWAITED])
            elif _is_endless(source):
                raise ValueError("it is a device")
            if most < 0:
                return source.readlines()
            content = source.read(most + 1)
            if len(content) > most:
                raise ValueError(f"it has more than {most} bytes")
            return BytesIO(content).readlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        name = file or "a file without a name"
        advice = "FILE is a file of cards, or - for standard input"
        raise UsageError(f"cannot read {name}: {reason}; {advice}") from None


def _is_endless(source: BinaryIO) -> bool:
    """Whether it is a device, of which there is no end: all but /dev/null."""
    from io import BytesIO
    from pathlib import Path

    if isinstance(source, BytesIO):  # what came with a call
        return False
    status = os.fstat(source.fileno())
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
