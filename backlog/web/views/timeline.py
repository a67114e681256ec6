"""The timeline as a picture: a row a worker, a path an outcome; the template writes the SVG."""

from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from backlog.lifecycle import OUTCOMES
from backlog.verbs.timeline import AT_WORK, COLUMNS, LATE, Row, Timeline

# In this order; words for people, one a class of the style sheet.
KINDS = (*OUTCOMES, AT_WORK, LATE)

# Marks along the time are as far apart as this leaves few of them; none stands at an end.
_STEPS = [timedelta(minutes=10), timedelta(hours=4), *map(timedelta, (1, 5, 15))]
_MOST_MARKS = 8
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


class Bars(NamedTuple):
    """When runs of one outcome went on: `path` of an SVG that is `COLUMNS` wide."""

    kind: str
    runs: int
    path: str

    @property
    def style(self) -> str:
        """The class that colours it."""
        return f"run-{self.kind.replace(' ', '-')}"


class Mark(NamedTuple):
    """A moment, and how far along the time it is, in per cent."""

    part: float
    label: str


class Drawn(NamedTuple):
    """A timeline as its template needs it.

    `marks`: round moments; `kinds`: the outcomes that there are; of each worker the
    bars, and of each of the kinds how many runs.
    """

    timeline: Timeline
    marks: list[Mark]
    kinds: list[str]
    rows: list[tuple[str, list[Bars], list[int | None]]]
    width: int = COLUMNS

    @property
    def lines(self) -> str:
        """A line down at each mark: the path of an SVG that is `width` wide."""
        return "".join(f"M{mark.part * self.width / 100:.1f},0v20" for mark in self.marks)


def drawn(timeline: Timeline) -> Drawn:
    """What is to be drawn of it."""
    kinds = [kind for kind in KINDS if any(kind in row.runs for row in timeline.rows)]
    rows = [
        (row.owner, _bars(row, kinds), [row.runs.get(kind) for kind in kinds])
        for row in sorted(timeline.rows, key=lambda row: row.owner)  # whoever works, to keep places
    ]
    return Drawn(timeline, _marks(timeline), kinds, rows)


def _bars(row: Row, kinds: list[str]) -> list[Bars]:
    return [
        Bars(
            kind, row.runs[kind], "".join(f"M{a},4h{b - a}v12h-{b - a}z" for a, b in row.bars[kind])
        )
        for kind in kinds
        if kind in row.bars
    ]


def _marks(timeline: Timeline) -> list[Mark]:
    length = timeline.until - timeline.since
    step = next((each for each in _STEPS if length / each <= _MOST_MARKS), _STEPS[-1])
    first = timeline.until - (timeline.until - _EPOCH) % step
    moments = [first - back * step for back in range(_MOST_MARKS)]
    marks = []
    for at in reversed(moments):
        part = 100 * ((at - timeline.since) / length)
        if 2 < part < 94:
            label = f"{at:%H:%M}" if step < timedelta(days=1) else f"{at.day} {at:%b}"
            marks.append(Mark(round(part, 1), label))
    return marks
