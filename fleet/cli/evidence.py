"""`--evidence TEXT|@FILE`: what shows what somebody says."""

from typing import Final

from backlog import values
from backlog.cli.caller import CALLER
from backlog.cli.options import Option
from backlog.errors import UsageError
from backlog.lifecycle import LONGEST_TEXT

_MOST_BYTES: Final = 4 * LONGEST_TEXT


def _read(value: str) -> str:
    """The text, or what is in the file after the @."""
    if not value.startswith("@"):
        return values.line(value, "--evidence")
    file = value[1:]
    if not file:
        raise UsageError("--evidence needs the name of a file after the @ (@-: standard input)")
    try:
        with CALLER.get().open(file) as source:
            read = source.read(_MOST_BYTES + 1)
        return values.line(read.decode(), f"the file {file}")
    except OSError as error:
        raise UsageError(f"--evidence cannot be read from {file}: {error.strerror}") from None
    except ValueError:  # no text, or no path: a NUL byte
        raise UsageError(f"--evidence must be a file of UTF-8 text after the @: {file}") from None


EVIDENCE: Final[Option] = (
    "--evidence",
    {
        "type": _read,
        "metavar": "TEXT|@FILE",
        "required": True,
        "help": "what shows it; a file after an @ (@-: standard input)",
    },
)
