"""What the doctor finds: one thing that is wrong, and the command that lets it go on."""

import shlex
from typing import Final, NamedTuple


class Finding(NamedTuple):
    """One thing that is wrong: with the card `id`, or with what `scope` and `name` say.

    `because` is the card (or the missing id) at the root of it, `reason` what is the matter with
    that; `count` is how often (a block), or how many cards (a pause, a limit); `holds_up` how many
    stuck cards have their root here. `way_out` is a command for the shell.
    """

    kind: str
    message: str
    way_out: str
    id: str | None = None
    scope: str | None = None
    name: str | None = None
    because: str | None = None
    reason: str | None = None
    note: str | None = None
    count: int | None = None  # type: ignore[assignment]  # a tuple can count, too
    holds_up: int | None = None


def psql(sql: str) -> str:
    return command("store", "psql", "--", "-c", sql)


def literal(text: str) -> str:
    """The text in a statement, also where backslashes escape."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in text else "E'" + quoted.replace("\\", "\\\\") + "'"


_TAKE_TEXT: Final = ("--id", "--from", "--to", "--phase", "--owner")


def command(*words: str) -> str:
    """A line for the shell that runs this program; an option's value may begin with a dash."""
    joined: list[str] = ["backlog"]
    for word in words:
        if word.startswith("-") and joined[-1] in _TAKE_TEXT:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return shlex.join(joined)
