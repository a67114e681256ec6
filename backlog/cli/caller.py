"""Who calls a verb: what their environment says, and what they feed it.

Whoever types a command has this process's environment, its standard input, and their files. Who
calls over the wire has none of these here: what came with the call, and no file of this host.
"""

import os
import sys
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from contextvars import ContextVar
from typing import BinaryIO, Final, NamedTuple

STDIN: Final = "-"


class Caller(NamedTuple):
    """`fed` gives what stands for standard input; `has_files`: whether the files that a call names
    are the caller's."""

    environ: Mapping[str, str]
    fed: Callable[[], BinaryIO]
    has_files: bool

    def open(self, file: str) -> AbstractContextManager[BinaryIO]:
        """A file to be read, or what is fed (`STDIN`). Raises `OSError`, `ValueError`."""
        if file == STDIN:
            return nullcontext(self.fed())
        if not self.has_files:
            raise ValueError("only what comes with the call is read")
        from pathlib import Path  # most commands do without

        return Path(file).open("rb")


_WHO_TYPES: Final = Caller(os.environ, lambda: sys.stdin.buffer, has_files=True)

CALLER: Final = ContextVar("caller", default=_WHO_TYPES)
