"""What a verb answers: JSON for programs, lines for people, an exit status."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from backlog.errors import StoreUnavailable
from backlog.records import Record, to_json, to_line
from backlog.shown import MOST_LINES, Writes, say
from backlog.values import json_text

if TYPE_CHECKING:
    from tempfile import SpooledTemporaryFile

_IN_MEMORY: Final = 2**24


class Reply(NamedTuple):
    """JSON in pieces, written as they are; lines for people, None if the JSON is for them as well;
    the exit status; a word on stderr; what writes for people, who see what commands printed as it
    was (`say_printed`)."""

    json: Iterable[str]
    text: Iterable[str] | None
    status: int = 0
    note: str | None = None
    say: Callable[[Writes, Iterable[str]], None] = say


def document(value: Any, text: Iterable[str], status: int = 0) -> Reply:
    """Any JSON value, and the lines that say the same."""
    return Reply([json_text(value) + "\n"], text, status)


def one(row: Any, line: str, status: int = 0, note: str | None = None) -> Reply:
    """A named tuple, `null` for None."""
    return Reply([to_json(row) + "\n"], [line], status, note)


def one_card(card: Record | None, status: int = 0) -> Reply:
    return one(card, to_line(card) if card else "(none)", status)


def to_deleted(card: Record) -> str:
    """The line of a card that is gone. JSON has the card as it was."""
    return to_line(card._replace(status="deleted"))


def many[Row](
    rows: Sequence[Row], line: Callable[[Row], str], nothing: str, status: int = 0
) -> Reply:
    """An array, and a line for each, or `nothing` without any."""
    return Reply(_array(rows), map(line, rows) if rows else [nothing], status)


def each[Row](
    rows: Iterable[Row], line: Callable[[Row], str], nothing: str, *, as_json: bool
) -> Reply:
    """As `many`, of rows that are read one after the other, however many there are."""
    lines = kept(map(to_json if as_json else line, rows))
    return Reply(joined(lines), _or(lines, nothing))


def joined(lines: Iterable[str], end: str = "") -> Iterator[str]:
    """JSON values as an array, and what closes what is around it."""
    before = "["
    for each in lines:
        yield before + each
        before = ","
    yield ("[]" if before == "[" else "]") + end + "\n"


def _or(lines: Iterator[str], nothing: str) -> Iterator[str]:
    yield next(lines, nothing)
    yield from lines


def kept(lines: Iterable[str]) -> Iterator[str]:
    """The lines, once all of them are read: a slow reader holds up no transaction, and sees nothing
    that is not whole. What is long waits in a temporary file.
    """
    from tempfile import SpooledTemporaryFile, gettempdir  # most commands start without

    file = SpooledTemporaryFile(_IN_MEMORY, "w+", encoding="utf-8", newline="\n")  # noqa: SIM115 (until it is read)
    try:
        for line in lines:  # not `writelines`, which fills the memory before it looks
            file.write(f"{line}\n")
        file.seek(0)
    except BaseException as error:
        file.close()
        if not isinstance(error, OSError):
            raise
        raise StoreUnavailable(
            f"nothing is printed: a file in {gettempdir()} cannot be written"
            f" ({error.strerror}); free some space, or set TMPDIR"
        ) from None
    return _read(file)


def _read(file: "SpooledTemporaryFile[str]") -> Iterator[str]:
    with file:
        for line in file:
            yield line.removesuffix("\n")


def few(lines: Iterable[str]) -> Iterator[str]:
    """The first of the lines, and how many more there are; all are read, not all are kept."""
    others = 0
    for number, each in enumerate(lines):
        if number < MOST_LINES:
            yield each
        else:
            others += 1
    if others:
        yield f"… and {others:,} more: --json has them all"


def _array(rows: Sequence[Any]) -> Iterator[str]:
    # In pieces: a long list need not stand in memory twice.
    yield "[" + (to_json(rows[0]) if rows else "")
    yield from ("," + to_json(row) for row in rows[1:])
    yield "]\n"


def stream(lines: Iterable[str]) -> Reply:
    """Lines as they come, already in the form that was asked for."""
    return Reply((line + "\n" for line in lines), lines)
