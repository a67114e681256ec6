"""One claim from ten million cards: is it as fast as from ten thousand?"""

from benchmarks.claim import measured
from benchmarks.report import Aim, show
from benchmarks.server import Server


def run(server: Server, quick: bool) -> None:
    large, often = (1_000_000, (1, 10)) if quick else (10_000_000, (3, 20))
    show(
        f"One claim from {large:,} cards",
        measured(server, ("flat",), 10_000, large, often, Aim(1.1)),
        "As the table of one claim.",
    )
