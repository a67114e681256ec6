"""`python -m benchmarks [NAME …] [--before REVISION] [--quick] [--url URL]`."""

import argparse
import importlib
from typing import Final

from benchmarks import before, server
from benchmarks.report import environment

# One module each.
_PARTS: Final = {
    "claim": "one claim, one client",
    "growth": "one claim from ten million cards, only when named: it takes 12 GB of disk",
    "cycles": "claim and completion with 1 to 64 clients, in batches too, beside other queues",
    "sql": "SQL alone beside bare statements, by pgbench",
    "command": "the command, whole process",
    "life": "runs and events, leases, idle waiters",
    "wire": "workers over HTTP, beside workers on the database, and another queue's over HTTP",
    "rules": "the fleet's rules: a backlog that uses none of them, and one that uses all",
    "soak": "200,000 cycles with autovacuum on, one by one and in tens",
    "transaction": "one transaction left open",
    "board": "the pages at 100,000 cards",
    "polls": "unchanged polls a second, where ab is installed",
    "boards": "the board beside two others in a browser, as far as those are installed",
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="benchmarks", description="; ".join(f"{name}: {what}" for name, what in _PARTS.items())
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME", help=", ".join(_PARTS) + " (all but growth)"
    )
    parser.add_argument(
        "--before", metavar="REVISION", help="claims beside the project as it was then, alone"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, for a trial")
    parser.add_argument("--url", help="a server to use, as a superuser; else one is started")
    options = parser.parse_args()
    if unknown := set(options.names) - set(_PARTS):
        parser.error(f"there is no {', '.join(sorted(unknown))}; there is {', '.join(_PARTS)}")
    with server.running(options.url) as found:
        print(environment(found.url))
        if options.before:
            before.run(found, options.quick, options.before)
            return
        for name in options.names or (part for part in _PARTS if part != "growth"):
            importlib.import_module(f"benchmarks.{name}").run(found, options.quick)


if __name__ == "__main__":
    main()
