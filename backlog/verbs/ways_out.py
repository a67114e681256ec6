"""Commands that let something go on, as a shell takes them."""

import shlex
from typing import Final

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
