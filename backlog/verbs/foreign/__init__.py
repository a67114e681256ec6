"""The backlogs of other trackers, read as the lines that `import` takes.

Each tracker has a module here: what stands in its file or directory becomes items (`items`),
whose edges (`edges`) and words (`fitting`) are made what a card may have (`cards`). Nothing but
the import itself writes.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog.errors import UsageError

if TYPE_CHECKING:
    from backlog.session import Session
    from backlog.verbs.foreign.items import Report
    from backlog.verbs.transfer import Imported

# Of a tracker's file: JSON of that size takes some times as much memory.
MOST_BYTES: Final = 256_000_000


class Tracker(NamedTuple):
    """Its module here, and where in a directory its file is; none, if it has a file a card."""

    module: str
    files: tuple[str, ...] = ()


TRACKERS: Final = {
    "beads": Tracker(
        "beads", (".beads/issues.jsonl", ".beads/beads.jsonl", "issues.jsonl", "beads.jsonl")
    ),
    "backlog-md": Tracker("backlog_md"),
    "taskmaster": Tracker(
        "taskmaster", (".taskmaster/tasks/tasks.json", "tasks/tasks.json", "tasks.json")
    ),
    "github": Tracker("github", ("issues.json",)),
}


@contextmanager
def _named() -> Iterator[None]:
    """What the system does not let us look at is a mistake of who named it."""
    try:
        yield
    except OSError as error:
        raise UsageError(f"cannot read {error.filename}: {error.strerror}") from None


@_named()
def file_of(tracker: str, given: str) -> str | None:
    """The file that holds the backlog, where a file or a directory is given; None where the
    directory itself does. Raises `UsageError` if there is none, or it cannot be looked at.
    """
    from pathlib import Path  # the help does without

    files = TRACKERS[tracker].files
    if given and Path(given).is_dir():
        if not files:
            return None
        for name in files:
            if (found := Path(given) / name).is_file():
                return str(found)
        raise UsageError(f"{given} holds no backlog of {tracker}: it would have {', '.join(files)}")
    if not files:
        raise UsageError(
            f"{given or 'a file without a name'} is no directory; {tracker} has a file a task:"
            " give the project's directory, or the one in it that has tasks/"
        )
    return given


def import_from(
    session: "Session",
    tracker: str,
    source: str | Sequence[bytes],
    *,
    dry_run: bool = False,
    **how: Any,
) -> "tuple[Imported, Report]":
    """Import another tracker's backlog, the lines of its file or its directory: all of it, or none.

    Returns what became of the cards, and what had to become of the backlog for that. `how` is that
    of `import_cards`, and what is raised, too, each fault at its place in the file or directory.
    """
    # Not before it is needed: who asks for the names of the trackers has no use for it.
    from backlog.verbs import transfer
    from backlog.verbs.faults import FEW, MANY, Faults
    from backlog.verbs.foreign.cards import to_lines
    from backlog.verbs.foreign.items import Report

    report, faults = Report(), Faults(MANY if dry_run else FEW)
    module = import_module(f"{__name__}.{TRACKERS[tracker].module}")
    with _named():
        items = module.read(source, report, faults)
    faults.refuse()
    lines = to_lines(session, items, module.LABEL, report)
    how |= {"dry_run": dry_run, "where": lambda line, element: items[line - 1].place}
    return transfer.import_cards(session, lines, **how), report
