"""Figures: a ratio, how it spread, what it was meant to be."""

import os
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

import psycopg


class Aim(NamedTuple):
    """`limit` is the most the ratio may be, or (at_least) the least."""

    limit: float
    at_least: bool = False

    def __str__(self) -> str:
        return f"{'at least' if self.at_least else 'within'} {self.limit:g}"

    def is_met(self, ratio: float) -> bool:
        return ratio >= self.limit if self.at_least else ratio <= self.limit

    def judged(self, ratio: float) -> str:
        """The aim, and whether this meets it."""
        return f"{self}, {'met' if self.is_met(ratio) else 'missed'}"


@dataclass(frozen=True)
class Figure:
    """One line of the table: each ratio was taken side by side, ours to theirs."""

    name: str
    ours: str
    theirs: str
    ratios: Sequence[float]
    aim: Aim | None = None

    def cells(self) -> tuple[str, ...]:
        ratio = median(self.ratios)
        return (
            self.name,
            self.ours,
            self.theirs,
            f"{ratio:.2f}",
            spread(self.ratios),
            "" if self.aim is None else self.aim.judged(ratio),
        )


def in_turn(
    name: str, ours: Sequence[float], theirs: Sequence[float], aim: Aim | None = None
) -> Figure:
    """Seconds of one thing, and of another in turn with it, in ten stretches."""
    size = max(1, len(ours) // 10)
    ratios = [
        median(ours[start : start + size]) / median(theirs[start : start + size])
        for start in range(0, size * min(10, len(ours)), size)
    ]
    return Figure(name, milliseconds(ours), milliseconds(theirs), ratios, aim)


def in_pairs(
    name: str,
    unit: Callable[[Sequence[float]], str],
    ours: Sequence[float],
    theirs: Sequence[float],
    aim: Aim | None = None,
) -> Figure:
    """What was measured in one round, and what was measured in the same."""
    ratios = [mine / other for mine, other in zip(ours, theirs, strict=True)]
    return Figure(name, unit(ours), unit(theirs), ratios, aim)


_HEAD = ("figure", "ours", "the other", "ratio", "spread", "aim")


def show(title: str, figures: Sequence[Figure], note: str = "") -> None:
    """Print the figures as a Markdown table."""
    table(title, [_HEAD, *(figure.cells() for figure in figures)], note)


def table(title: str, rows: Sequence[Sequence[str]], note: str = "") -> None:
    """Print rows, the first of them the headings, as the Markdown table that the docs hold."""
    lines = ["|" + "|".join(f" {cell} " if cell else " " for cell in row) + "|" for row in rows]
    lines.insert(1, "|" + " --- |" * len(rows[0]))
    print(f"\n## {title}\n", *lines, *([f"\n{note}"] if note else []), sep="\n", flush=True)


def progress(text: str) -> None:
    """Say what is being done, beside the tables."""
    print(f"  … {text}", file=sys.stderr, flush=True)


def environment(url: str) -> str:
    """The machine and the server, in a line."""
    with psycopg.connect(url) as connection:
        server = connection.execute("SHOW server_version").fetchone()[0]
    return (
        f"PostgreSQL {server}; {os.cpu_count()} CPUs, {_processor()}, {platform.system()}; "
        f"Python {platform.python_version()}, psycopg {psycopg.__version__}"
    )


def _processor() -> str:
    try:
        with open("/proc/cpuinfo") as lines:  # noqa: PTH123 (not a file of ours)
            return next(line.split(":")[1].strip() for line in lines if "model name" in line)
    except (OSError, StopIteration):
        return platform.machine()


def milliseconds(seconds: Sequence[float]) -> str:
    return f"{median(seconds) * 1000:.2f} ms"


def per_second(rates: Sequence[float]) -> str:
    return f"{median(rates):,.0f}/s"


def spread(ratios: Sequence[float]) -> str:
    return f"{min(ratios):.2f} to {max(ratios):.2f}"


def number_of(clients: int) -> str:
    return "1 client" if clients == 1 else f"{clients} clients"
