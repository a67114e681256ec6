"""What a claim costs beside an earlier state of this project: each its own code and schema."""

import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from typing import Final

from benchmarks.report import Aim, Figure, in_turn, progress, show
from benchmarks.server import PROJECT, Server, environment

_WAYS: Final = {
    "claim": "one claim",
    "cycle": "one claim and its completion",
    "in_one": "a completion that claims the next",
}
_AIM: Final = Aim(1.02)
_WARM_UP: Final = 20


def run(server: Server, quick: bool, revision: str) -> None:
    turns = 100 if quick else 500
    with ExitStack() as stack:
        before = stack.enter_context(_tree(revision))
        sides = [
            stack.enter_context(_side(tree, server.backlog(name, tree)))
            for name, tree in (("now", PROJECT), ("before", before))
        ]
        progress(f"ten of each in turn, {turns} turns")
        took: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in _WAYS}
        for turn in range(_WARM_UP + turns):
            for way in _WAYS:
                for which in (0, 1) if turn % 2 else (1, 0):
                    seconds = sides[which].take(way)
                    if turn >= _WARM_UP:
                        took[way][which].extend(seconds)
    figures = [figure for way in _WAYS for figure in _figures(_WAYS[way], *took[way])]
    show(f"Beside {revision}", figures)


def _figures(name: str, ours: list[float], theirs: list[float]) -> list[Figure]:
    tenth = len(ours) // 10
    fastest = [sorted(each)[:tenth] for each in (ours, theirs)]
    return [
        in_turn(name, ours, theirs, _AIM),
        in_turn(f"{name}, the fastest tenth", *fastest, _AIM),
    ]


class _Side:
    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdin
        assert process.stdout
        self._to, self._from = process.stdin, process.stdout
        self._from.readline()  # it has its cards

    def take(self, way: str) -> list[float]:
        """Ten of them; the seconds of each."""
        print(way, file=self._to, flush=True)
        return [float(word) for word in self._from.readline().split()]


@contextmanager
def _side(tree: Path, url: str) -> Iterator[_Side]:
    """A process of that tree's code on that database."""
    words = [sys.executable, "-P", str(PROJECT / "benchmarks" / "turns.py"), url]
    with subprocess.Popen(
        words,
        cwd=tree,
        env=environment(url) | {"PYTHONPATH": str(tree)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield _Side(process)


@contextmanager
def _tree(revision: str) -> Iterator[Path]:
    """The project as it was at that revision, in a directory for as long as this lasts."""
    archive = ["git", "archive", "--format=tar", revision]
    packed = subprocess.run(archive, cwd=PROJECT, stdout=subprocess.PIPE, check=True).stdout
    with tempfile.TemporaryDirectory() as place, tarfile.open(fileobj=BytesIO(packed)) as files:
        files.extractall(place, filter="data")
        yield Path(place)
