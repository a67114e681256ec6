"""The pages at 1,000 and at 100,000 cards: queries, processor time, bytes."""

import json
from typing import Final

from benchmarks import data
from benchmarks.report import progress, table
from benchmarks.server import Server, run_python

_SIZES: Final = (1_000, 100_000)


def run(server: Server, quick: bool) -> None:
    rounds = 10 if quick else 40
    found = {}
    for cards in _SIZES:
        progress(f"{cards:,} cards")
        url = server.backlog(f"board_{cards}")
        data.fill_board(url, cards, "dag")
        data.fill_history(url)
        run_python("manage.py", "backlog", "sweep", url=url)
        found[cards] = json.loads(run_python("-m", "benchmarks.pages", str(rounds), url=url))
    small, large = (found[cards] for cards in _SIZES)
    rows = [
        (
            name,
            f"{large[name]['queries']} ({small[name]['queries']})",
            f"{large[name]['cpu']:.1f} ms",
            f"{large[name]['wall']:.1f} ms",
            f"{large[name]['wall'] / small[name]['wall']:.2f}",
            f"{large[name]['bytes'] / 1000:.1f} KB",
            f"{large[name]['gzipped'] / 1000:.1f} KB",
        )
        for name in large
    ]
    head = ("100,000 cards", "queries (at 1,000)", "CPU, Python", "with the store's", "to 1,000")
    table(
        "Pages",
        [(*head, "bytes", "gzipped"), *rows],
        f"Medians of {rounds} requests through the whole of Django, one at a time, as an operator "
        "who is logged in: the processor time of the web process, and the time until the answer, "
        "in which the store works too. 20 phases; two runs for each card that is done, by 40 "
        "workers, over 30 days; the polls are of the whole board.",
    )
