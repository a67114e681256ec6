"""Counts over time as charts: where lines, areas and labels go. The template writes the SVG.

A moment across is a day, by its date, or an hour or less of one, by its time.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import date, datetime
from typing import Final, NamedTuple

# The whole picture, and what of it the axes leave to the counts.
_WIDTH: Final = 760
_HEIGHT: Final = 264
_LEFT: Final = 62
_TOP: Final = 24
_RIGHT: Final = _WIDTH - 30
_BOTTOM: Final = _HEIGHT - 48

_TICKS_UP: Final = 5
_TICKS_ACROSS: Final = 7

Series = Mapping[str, Sequence[int]]


class Tick(NamedTuple):
    """A label of an axis, and where along it."""

    at: float
    label: str


class Area(NamedTuple):
    """One filled shape of a stacked chart."""

    name: str
    points: str


class Bar(NamedTuple):
    """One bar: of which series, and its place."""

    name: str
    x: float
    y: float
    width: float
    height: float


class Chart(NamedTuple):
    """A picture with moments across and counts up."""

    across: list[Tick]
    up: list[Tick]
    areas: Sequence[Area] = ()
    bars: Sequence[Bar] = ()

    width: int = _WIDTH
    height: int = _HEIGHT
    left: int = _LEFT
    top: int = _TOP
    right: int = _RIGHT
    bottom: int = _BOTTOM


def stacked(moments: Sequence[date], series: Series) -> Chart:
    """Series one above the other, the first at the bottom, a point for the end of each moment.

    A single one is as wide as the chart.
    """
    last = max(1, len(moments) - 1)
    places = [_LEFT + number * (_RIGHT - _LEFT) / last for number in range(len(moments))]
    dates = _labels(moments, places)
    if len(moments) == 1:
        places.append(_RIGHT)
        series = {name: [*values, *values] for name, values in series.items()}
    ticks = _round(max((sum(column) for column in zip(*series.values(), strict=True)), default=0))
    areas = []
    floor = [0] * len(places)
    for name, values in series.items():
        roof = [low + value for low, value in zip(floor, values, strict=True)]
        edge = [*zip(places, roof, strict=True), *list(zip(places, floor, strict=True))[::-1]]
        areas.append(Area(name, " ".join(f"{x:.1f},{_up(y, ticks):.1f}" for x, y in edge)))
        floor = roof
    return Chart(dates, _counts(ticks), areas=areas)


def bars(moments: Sequence[date], series: Series) -> Chart:
    """A bar of each series for each moment, side by side."""
    room = (_RIGHT - _LEFT) / max(1, len(moments))
    centres = [_LEFT + (number + 0.5) * room for number in range(len(moments))]
    ticks = _round(max((value for values in series.values() for value in values), default=0))
    return Chart(
        _labels(moments, centres),
        _counts(ticks),
        bars=list(_bars(centres, room * 0.8, series, ticks)),
    )


def _bars(
    centres: Sequence[float], room: float, series: Series, ticks: Sequence[int]
) -> Iterator[Bar]:
    each = room / max(1, len(series))
    for number, (name, values) in enumerate(series.items()):
        for centre, value in zip(centres, values, strict=True):
            x, y = centre - room / 2 + number * each, _up(value, ticks)
            if value:
                yield Bar(name, round(x, 1), round(y, 1), round(each, 1), round(_BOTTOM - y, 1))


def _round(most: int) -> list[int]:
    """Whole numbers from 0 to `most` or just above, in steps of 1, 2 or 5 times a power of 10."""
    power = 1
    while True:
        for step in (power, 2 * power, 5 * power):
            if step * _TICKS_UP >= most:
                return list(range(0, max(1, -(-most // step)) * step + 1, step))
        power *= 10


def _up(count: int, ticks: Sequence[int]) -> float:
    return _BOTTOM - count * (_BOTTOM - _TOP) / ticks[-1]


def _counts(ticks: Sequence[int]) -> list[Tick]:
    return [Tick(round(_up(tick, ticks), 1), f"{tick:,}") for tick in ticks]


def _labels(moments: Sequence[date], places: Sequence[float]) -> list[Tick]:
    """Some of the moments, the last among them, as far apart as labels need."""
    every = -(-len(moments) // _TICKS_ACROSS)
    chosen = list(zip(moments, places, strict=True))[::-1][::every][::-1]
    return [Tick(round(place, 1), _label(moment)) for moment, place in chosen]


def _label(moment: date) -> str:
    if isinstance(moment, datetime):
        return f"{moment:%H:%M}"
    return f"{moment.day} {moment:%b}"


def spark(values: Sequence[float]) -> str:
    """The points of a line through these, in a box of 100 by 20, from 0 at its bottom."""
    most, last = max(values, default=0) or 1, max(1, len(values) - 1)
    return " ".join(
        f"{100 * number / last:.0f},{19 - 18 * value / most:.1f}"
        for number, value in enumerate(values)
    )
