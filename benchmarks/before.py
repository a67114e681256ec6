"""What a claim costs beside an earlier state of this project: each its own code and schema."""

import subprocess
import sys
import tarfile
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from io import BytesIO
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.report import Aim, in_pairs, milliseconds, progress, show
from benchmarks.server import PROJECT, Server, environment

_WAYS: Final = {
    "claim": "one claim",
    "cycle": "one claim and its completion",
    "in_one": "a completion that claims the next",
}
_AIM: Final = Aim(1.02)
_WARM_UP: Final = 20


def run(server: Server, quick: bool, revision: str) -> None:
    """Rounds with processes and databases of their own: where those lie in memory is worth as many
    per cent as are asked for here."""
    rounds, turns = (3, 50) if quick else (9, 150)
    ours: dict[str, list[float]] = defaultdict(list)
    theirs: dict[str, list[float]] = defaultdict(list)
    with _tree(revision) as before:
        for number in range(rounds):
            progress(f"round {number + 1} of {rounds}: ten of each in turn, {turns} turns")
            for way, took in _round(server, before, turns).items():
                for side, seconds in zip((ours, theirs), took, strict=True):
                    fastest = sorted(seconds)[: len(seconds) // 10]
                    side[_WAYS[way]].append(median(seconds))
                    side[f"{_WAYS[way]}, the fastest tenth"].append(median(fastest))
    figures = [in_pairs(name, milliseconds, ours[name], theirs[name], _AIM) for name in ours]
    show(f"Beside {revision}", figures)


def _round(server: Server, before: Path, turns: int) -> dict[str, tuple[list[float], list[float]]]:
    """The seconds of each way, now and before."""
    took: dict[str, tuple[list[float], list[float]]] = {way: ([], []) for way in _WAYS}
    with ExitStack() as stack:
        sides = [
            stack.enter_context(_side(tree, server.backlog(name, tree)))
            for name, tree in (("now", PROJECT), ("before", before))
        ]
        for turn in range(_WARM_UP + turns):
            for way in _WAYS:
                for which in (0, 1) if turn % 2 else (1, 0):
                    seconds = sides[which].take(way)
                    if turn >= _WARM_UP:
                        took[way][which].extend(seconds)
    return took


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
