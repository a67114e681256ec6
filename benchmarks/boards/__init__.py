"""The board beside two others: the same 1,500 cards, in a browser that was never there."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from statistics import median
from typing import Final

from benchmarks.boards import backlog_md, cards, chromium, hermes, ours
from benchmarks.boards.board import Board
from benchmarks.boards.chromium import Found, Visit
from benchmarks.report import progress, spread, table
from benchmarks.server import Server

_ROUNDS: Final = 5
_TITLE: Final = "The board beside other tools'"

_ROWS: Final[dict[str, Callable[[Visit], tuple[float, str]]]] = {
    "bytes received": lambda visit: (visit.received, f"{visit.received / 1000:,.0f} KB"),
    "bytes, gzipped": lambda visit: (visit.gzipped, f"{visit.gzipped / 1000:,.0f} KB"),
    "requests": lambda visit: (visit.requests, f"{visit.requests}"),
    "processor time, browser": lambda visit: (visit.browser, f"{visit.browser:.2f} s"),
    "of it the page's scripts": lambda visit: (visit.script, f"{visit.script:.2f} s"),
    "processor time, server": lambda visit: (visit.server, f"{visit.server:.2f} s"),
    "until something is painted": lambda visit: (visit.painted, f"{visit.painted:.2f} s"),
    "until the last card is there": lambda visit: (visit.drawn, f"{visit.drawn:.2f} s"),
    "elements": lambda visit: (visit.elements, f"{visit.elements:,}"),
    "layout shift": lambda visit: (visit.shift, f"{visit.shift:.3f}"),
}


def run(server: Server, quick: bool) -> None:
    if chromium.program() is None:
        print(f"\n## {_TITLE}\n\nNot measured: there is no chromium on the PATH.")
        return
    given = cards.made()
    missing = [each.NAME for each in (backlog_md, hermes) if each.program() is None]
    with ExitStack() as stack:
        boards: list[Board] = []
        for each in (ours, backlog_md, hermes):
            if each.NAME not in missing:
                progress(f"{each.NAME}: {len(given):,} cards")
                boards.append(stack.enter_context(each.running(server, given)))
        browser = stack.enter_context(chromium.launched())
        names = [board.name for board in boards]
        looks = [chromium.found(browser, board, given) for board in boards]
        note = f"Not measured, because not installed: {', '.join(missing)}." if missing else ""
        table(_TITLE, [("the first screen", *names), *_first_screens(looks)], note)
        rounds = []
        for number in range(2 if quick else _ROUNDS):
            progress(f"round {number + 1}")
            rounds.append([chromium.visits(browser, board) for board in boards])
    for at, title in enumerate(("Opened for the first time", "Opened again")):
        seen = [[visits[at] for visits in each] for each in rounds]
        table(title, [("", *names), *(_row(name, seen) for name in _ROWS)])


def _first_screens(looks: Sequence[Found]) -> list[tuple[str, ...]]:
    return [
        ("cards", *(str(look.cards) for look in looks)),
        ("of the 8 at work", *(str(look.running) for look in looks)),
        ("of the 14 that are stuck", *(str(look.stuck) for look in looks)),
        ("of the 12 questions, whole", *(str(look.questions) for look in looks)),
        ("presses until all are read", *(_presses(look) for look in looks)),
    ]


def _presses(look: Found) -> str:
    kinds = dict.fromkeys(look.steps)
    counted = ", ".join(f"{look.steps.count(kind)} {kind}" for kind in kinds)
    return f"{len(look.steps)}: {counted}" if look.all_read else f"not all, after {counted}"


def _row(name: str, rounds: Sequence[Sequence[Visit]]) -> tuple[str, ...]:
    """The median of each board; of the others how many times ours, in the same rounds."""
    values = [[_ROWS[name](visit) for visit in each] for each in rounds]
    cells = []
    for at in range(len(values[0])):
        middle = sorted(each[at] for each in values)[len(values) // 2][1]
        ratios = [each[at][0] / each[0][0] for each in values if each[0][0]]
        compared = at and len(ratios) == len(values)
        cells.append(f"{middle}: {median(ratios):.1f}, {spread(ratios)}" if compared else middle)
    return (name, *cells)
