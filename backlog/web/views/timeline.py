"""The timeline as a picture: a row a worker, a path an outcome; the template writes the SVG."""

from datetime import timedelta
from typing import NamedTuple

from backlog.lifecycle import OUTCOMES
from backlog.verbs.timeline import AT_WORK, COLUMNS, LATE, Row, Timeline

# In this order; words for people, one a class of the style sheet.
KINDS = (*OUTCOMES, AT_WORK, LATE)

# The marks along the time, the last of them now.
_MARKS = 4


class Bars(NamedTuple):
    """When runs of one outcome went on: `path` of an SVG that is `COLUMNS` wide."""

    kind: str
    runs: int
    path: str

    @property
    def style(self) -> str:
        """The class that colours it."""
        return self.kind.replace(" ", "-")


class Drawn(NamedTuple):
    """A timeline as its template needs it.

    `marks`: times at equal distances; `kinds`: the outcomes that there are; of each worker the
    bars, and of each of the kinds how many runs.
    """

    timeline: Timeline
    marks: list[str]
    kinds: list[str]
    rows: list[tuple[str, list[Bars], list[int | None]]]
    width: int = COLUMNS


def drawn(timeline: Timeline) -> Drawn:
    """What is to be drawn of it."""
    kinds = [kind for kind in KINDS if any(kind in row.runs for row in timeline.rows)]
    rows = [
        (row.owner, _bars(row, kinds), [row.runs.get(kind) for kind in kinds])
        for row in timeline.rows
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


def _marks(timeline: Timeline) -> list[str]:
    length = timeline.until - timeline.since
    by_day = length > timedelta(days=2)
    moments = [timeline.since + length * number / _MARKS for number in range(_MARKS)]
    return [f"{at.day} {at:%b}" if by_day else f"{at:%H:%M}" for at in moments]
