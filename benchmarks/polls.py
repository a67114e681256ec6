"""How many polls a second an unchanged board answers through `manage.py serve`, by `ab`."""

import json
import re
import shutil
import subprocess
from statistics import median
from typing import Final

from benchmarks import data
from benchmarks.report import progress, table
from benchmarks.server import Server
from benchmarks.site import Site, read, served

_CARDS: Final = 100_000
_AT_ONCE: Final = 16
_ENOUGH: Final = 1_000


def run(server: Server, quick: bool) -> None:
    if shutil.which("ab") is None:
        print("\n## Unchanged polls a second\n\nNot measured: there is no `ab` (apache2-utils).")
        return
    rounds, seconds = (3, 4) if quick else (6, 10)
    url = server.backlog("polls")
    data.fill_board(url, _CARDS, "dag")
    progress(f"{rounds} times {seconds} s of polls")
    with served(url) as site:
        version = json.loads(read(f"{site.address}/live/", site.headers))["version"]
        found = [_polled(site, f"/live/?v={version}", seconds) for _ in range(rounds)]
    rates, cpus, halves = zip(*found, strict=True)
    rate = median(rates)
    table(
        "Unchanged polls a second",
        [
            ("polls", "a second", "spread", "half within", "CPU of a poll", "aim", ""),
            (
                f"{_AT_ONCE} at once, kept alive",
                f"{rate:,.0f}",
                f"{min(rates):,.0f} to {max(rates):,.0f}",
                f"{median(halves):.0f} ms",
                f"{median(cpus) * 1000:.2f} ms",
                f"{_ENOUGH:,}",
                "met" if rate >= _ENOUGH else "NOT MET",
            ),
        ],
        f"`ab -k -c {_AT_ONCE}` on the same machine, {_CARDS:,} cards, two web processes; the "
        "processor time is theirs and their connections'.",
    )


def _polled(site: Site, path: str, seconds: int) -> tuple[float, float, float]:
    """Answers a second, processor seconds of each, milliseconds that half were answered within."""
    before = site.cpu()
    words = ["-q", "-k", "-c", str(_AT_ONCE), "-t", str(seconds), "-n", "10000000"]
    out = subprocess.run(
        ["ab", *words, "-C", site.cookie, site.address + path],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert "Non-2xx" not in out, out
    assert _number(out, r"Failed requests:\s+(\d+)") == 0, out
    done = _number(out, r"Complete requests:\s+(\d+)")
    cpu = (site.cpu() - before) / done
    return _number(out, r"Requests per second:\s+([\d.]+)"), cpu, _number(out, r"50%\s+(\d+)")


def _number(out: str, pattern: str) -> float:
    found = re.search(pattern, out)
    assert found, out
    return float(found[1])
