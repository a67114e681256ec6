"""200,000 cycles with autovacuum on, one by one and in tens: is the end as fast as the start?"""

from statistics import median
from typing import Final

from benchmarks import data
from benchmarks.fleet import Fleet
from benchmarks.report import Aim, Figure, per_second, progress, show
from benchmarks.server import Server, connect

_WORKERS: Final = 4
_WINDOWS: Final = 40
_WITHIN: Final = {1: ("one by one", Aim(1.3)), 10: ("in tens", Aim(1.1))}


def run(server: Server, quick: bool) -> None:
    cycles = 20_000 if quick else 200_000
    figures, vacuums = [], []
    for batch in _WITHIN:
        rates, fresh_rates, times = _soaked(server, batch, cycles)
        figures += _figures(batch, rates, fresh_rates)
        vacuums.append(str(times))
    show(
        f"{cycles:,} cycles with autovacuum on",
        figures,
        f"{_WORKERS} workers; autovacuum came {' and '.join(vacuums)} times. Ratios are "
        "time for time: above 1, the end is slower. The second line takes the machine's own drift "
        "out: the same cycles in a small backlog, made anew before each of the windows.",
    )


def _soaked(server: Server, batch: int, cycles: int) -> tuple[list[float], list[float], int]:
    """Cycles a second in each window, of a fresh backlog beside it; how often vacuum came."""
    window = cycles // _WINDOWS
    soaked, fresh = server.backlog("soak"), server.backlog("soak_fresh")
    rates: list[float] = []
    fresh_rates: list[float] = []
    with connect(soaked) as connection, connect(fresh) as control:
        data.fill(connection, cycles + 10_000)
        data.fill(control, 5_000)
        with Fleet(_WORKERS, (soaked, fresh), batch) as fleet:
            for place in (fresh, soaked):  # connect and plan
                fleet.cycles(place, _WORKERS * 20 * batch)
            for number in range(_WINDOWS):
                data.fill(control, max(window // 2, 1_000) + 1_000)
                fresh_rates.append(fleet.cycles(fresh, max(window // 2, 500)))
                rates.append(fleet.cycles(soaked, window))
                if number % 4 == 3:
                    progress(
                        f"{(number + 1) * window:,} cycles: {median(rates[-4:]):,.0f}/s,"
                        f" a fresh backlog beside it {median(fresh_rates[-4:]):,.0f}/s"
                    )
        vacuums = connection.execute(
            "SELECT autovacuum_count FROM pg_stat_user_tables WHERE relname = 'backlog'"
        ).fetchone()[0]
    return rates, fresh_rates, vacuums


def _figures(batch: int, rates: list[float], fresh: list[float]) -> list[Figure]:
    how, aim = _WITHIN[batch]
    tenth = _WINDOWS // 10
    first, last = rates[:tenth], rates[-tenth:]
    fresh_first, fresh_last = fresh[:tenth], fresh[-tenth:]
    drift = median(fresh_first) / median(fresh_last)
    slowdown = [median(first) / rate for rate in last]
    return [
        Figure(
            f"{how}: last tenth to first, by the clock",
            per_second(last),
            per_second(first),
            slowdown,
        ),
        Figure(
            f"{how}: the same, beside a fresh backlog",
            per_second(last),
            per_second(first),
            [ratio / drift for ratio in slowdown],
            aim,
        ),
        Figure(
            f"{how}: every window to a fresh backlog",
            per_second(rates),
            per_second(fresh),
            [other / rate for rate, other in zip(rates, fresh, strict=True)],
        ),
    ]
