"""What one transaction left open in the same database does to the claims, and after its end."""

from typing import Final

import psycopg

from benchmarks import data
from benchmarks.fleet import Fleet
from benchmarks.report import in_pairs, per_second, progress, show
from benchmarks.server import Server, connect

_WORKERS: Final = 4
_SLICE_SECONDS: Final = 2.0
_FRESH_SECONDS: Final = 0.5


def run(server: Server, quick: bool) -> None:
    slices = {"before": 8, "open": 15, "after": 8}
    if quick:
        slices = {"before": 3, "open": 5, "after": 3}
    url, fresh = server.backlog("transaction"), server.backlog("transaction_fresh")
    rates: dict[str, list[float]] = {phase: [] for phase in slices}
    fresh_rates: dict[str, list[float]] = {phase: [] for phase in slices}
    with connect(url) as connection, connect(fresh) as control:
        data.fill(connection, 100_000 if quick else 300_000)
        with Fleet(_WORKERS, (url, fresh)) as fleet, psycopg.connect(url) as holder:
            data.fill(control, 5_000)
            for place in (fresh, url):  # connect and plan
                fleet.seconds(place, _FRESH_SECONDS)
            for phase, number in slices.items():
                if phase == "open":
                    holder.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
                    holder.execute("SELECT count(*) FROM backlog WHERE status = 'done'")
                elif phase == "after":
                    holder.rollback()
                for _ in range(number):
                    data.fill(control, 5_000)
                    fresh_rates[phase].append(fleet.seconds(fresh, _FRESH_SECONDS))
                    rates[phase].append(fleet.seconds(url, _SLICE_SECONDS))
                    progress(
                        f"{phase}: {rates[phase][-1]:,.0f}/s,"
                        f" another database beside it {fresh_rates[phase][-1]:,.0f}/s"
                    )
    show(
        "One transaction left open",
        [
            in_pairs(name, per_second, mine, other)
            for name, mine, other in (
                ("before", rates["before"], fresh_rates["before"]),
                ("while it is open", rates["open"], fresh_rates["open"]),
                ("its last third", *(series["open"][-number:] for series in (rates, fresh_rates))),
                ("after its end", rates["after"], fresh_rates["after"]),
            )
            for number in (max(1, slices["open"] // 3),)
        ],
        f"{_WORKERS} workers. Theirs is another database of the same server, where no "
        "transaction is open, measured between the slices. More is better.",
    )
