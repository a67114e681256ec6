"""The command, whole process, beside a bare script that imports psycopg, connects and claims."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from benchmarks import data
from benchmarks.report import Aim, in_pairs, milliseconds, per_second, progress, show
from benchmarks.server import PROJECT, Server, connect, run_python

_CARDS: Final = 10_000
_SHELLS: Final = 8
_BESIDE_BARE: Final = Aim(1.12)
_OURS: Final = ("manage.py backlog", "backlog")

_CLAIM: Final = ("claim", "--owner", "worker", "--json")
# What pip makes of [project.scripts], without the need to install the project.
_CONSOLE: Final = ("-c", "from remote.command import run; run()", *_CLAIM)


def run(server: Server, quick: bool) -> None:
    pairs, each = (15, 3) if quick else (60, 12)
    url = server.backlog("command")
    with connect(url) as connection:
        data.fill(connection, _CARDS)
    ways = {
        "manage.py backlog": ("manage.py", "backlog", *_CLAIM),
        "backlog": _CONSOLE,
        "bare": (str(PROJECT / "benchmarks/bare_claim.py"), url),
    }
    for words in ways.values():  # once, to write the bytecode
        run_python(*words, url=url)
    progress(f"{pairs} runs of each, interleaved")
    order = random.Random(1)
    alone: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(pairs):
        for way in order.sample(list(ways), len(ways)):
            alone[way].append(_seconds(ways[way], url))
    progress(f"{_SHELLS} shells at once")
    together: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(3):
        for way in order.sample(list(ways), len(ways)):
            together[way].append(_rate(ways[way], url, each))
    show(
        "The command, whole process",
        [
            in_pairs(f"`{way} claim --json`", milliseconds, alone[way], alone["bare"], _BESIDE_BARE)
            for way in _OURS
        ]
        + [
            in_pairs(
                f"`{way} …`, from eight shells at once", per_second, together[way], together["bare"]
            )
            for way in _OURS
        ],
        "One shell: time, less is better; the ratio is the median of the pairs. "
        f"{_SHELLS} shells: claims a second, more is better.",
    )


def _seconds(words: tuple[str, ...], url: str) -> float:
    before = time.perf_counter()
    said = run_python(*words, url=url)
    seconds = time.perf_counter() - before
    assert said.startswith('{"id":'), said
    return seconds


def _rate(words: tuple[str, ...], url: str, each: int) -> float:
    """Claims a second of all shells, each of which runs the command again and again."""
    before = time.perf_counter()
    with ThreadPoolExecutor(_SHELLS) as shells:
        list(shells.map(lambda _: _seconds(words, url), range(_SHELLS * each)))
    return _SHELLS * each / (time.perf_counter() - before)
