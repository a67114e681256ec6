"""The commands that a finding names as its way out, as they are typed into a shell."""

import shlex
from typing import Final


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
