"""Switches of the environment: whether one is on, however that is written."""

import os
from collections.abc import Mapping
from typing import Final

from backlog.errors import UsageError
from backlog.shown import flat

# In any case of letters.
_ON: Final = ("on", "true", "yes", "y", "1", "ok")
_OFF: Final = ("off", "false", "no", "n", "0")


def is_on(name: str, environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the switch of this name is on; one that says nothing is off. Raises `UsageError`."""
    said = environ.get(name, "").strip()
    return bool(said) and read(said, name)


def read(said: str, name: str) -> bool:
    """Whether the word that a variable of this name says is one for on. Raises `UsageError`."""
    word = said.strip().lower()
    if word not in (*_ON, *_OFF):
        raise UsageError(f"{name} must be on or off, not {flat(said, 60)}")
    return word in _ON
