"""What processes were told, written down by themselves before anything can kill them."""

import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any


class Journal:
    """A file that one process appends to; a line is on the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def __call__(self, what: str, **more: Any) -> None:
        os.write(self._descriptor, json.dumps({"what": what, **more}).encode() + b"\n")
        os.fsync(self._descriptor)


def read(paths: Iterable[Path]) -> list[dict[str, Any]]:
    """Every entry of every journal. A process may have been killed within its last line.

    A `work` that found no store has left its refusal there instead.
    """
    entries = []
    for path in paths:
        *lines, last = path.read_text().splitlines(keepends=True) or [""]
        entries += [json.loads(line) for line in lines]
        if last.endswith("\n"):
            entries.append(json.loads(last))
    return [entry for entry in entries if "what" in entry]
