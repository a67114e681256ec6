"""A worker's life: what runs and events cost a cycle, many leases, idle waiters."""

import random
import re
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from typing import Final

from psycopg import Connection

from backlog.session import PsycopgSession
from backlog.verbs import cards, claims, moves
from benchmarks import data
from benchmarks.report import Figure, in_turn, milliseconds, progress, show, table
from benchmarks.server import Server, connect

_WAITERS: Final = 200
_ARRIVALS: Final = 40


def run(server: Server, quick: bool) -> None:
    show(
        "What runs and events cost",
        _without_records(server, 300 if quick else 2_000),
        "Claim and completion by one client, interleaved; beside it the same schema whose triggers "
        "write no event and no run.",
    )
    show(
        "Leases",
        _leases(server, 10_000 if quick else 100_000, 100 if quick else 400),
        "Renewals and sweeps where so many cards are claimed, to those where a hundred are.",
    )
    table(f"{_WAITERS} that wait for work", _waiters(server, 5 if quick else 20))


# Runs and events ----------------------------------------------------------------------------------


def _without_records(server: Server, cycles: int) -> list[Figure]:
    with ExitStack() as stack:
        kept, bare = (
            stack.enter_context(connect(server.backlog(name))) for name in ("records", "no_records")
        )
        _stop_recording(bare)
        for place in (kept, bare):
            data.fill(place, 20_000)
        _pair("the first, which plan", kept, bare, _cycle, 20)
        return [_pair("a cycle, to one without runs and events", kept, bare, _cycle, cycles)]


_RECORDED: Final = {
    "backlog_before_claim": r"INSERT INTO backlog_event\b[^;]*;",
    "backlog_before_move": r"WITH run AS[^;]*;",
}


def _stop_recording(connection: Connection) -> None:
    """Leave out of the triggers' functions what writes the events and the run of a cycle."""
    for name, written in _RECORDED.items():
        row = connection.execute(f"SELECT pg_get_functiondef('{name}'::regproc)").fetchone()
        body, number = re.subn(written, "NULL;", row[0])
        assert number == 1, name
        connection.execute(body.encode())


def _cycle(place: Connection, n: int) -> None:
    data.cycle(PsycopgSession(place))


# Leases ------------------------------------------------------------------------------------


def _leases(server: Server, many: int, samples: int) -> list[Figure]:
    with ExitStack() as stack:
        full, few = (
            stack.enter_context(connect(server.backlog(name))) for name in ("held", "few_held")
        )
        for place, held in ((full, many), (few, 100)):
            progress(f"{held:,} claimed cards")
            data.fill(place, many)
            data.claim_first(place, held)
        subjects: dict[str, Callable[[Connection, int], object]] = {
            "a renewal": lambda place, n: moves.renew(
                PsycopgSession(place), data.card_id(n % 100), "worker", 1
            ),
            "a sweep that finds nothing": lambda place, n: moves.reclaim(PsycopgSession(place)),
            "a sweep of a hundred expired": _expired_sweep,
        }
        return [
            _pair(f"{name}, {many:,} claimed cards to 100", full, few, verb, samples)
            for name, verb in subjects.items()
        ]


def _expired_sweep(place: Connection, n: int) -> float:
    """Seconds of the sweep alone; the cards are claimed again afterwards."""
    data.expire_first(place, 100)
    before = time.perf_counter()
    moves.reclaim(PsycopgSession(place))
    seconds = time.perf_counter() - before
    data.claim_first(place, 100)
    return seconds


def _pair(
    name: str,
    full: Connection,
    few: Connection,
    verb: Callable[[Connection, int], object],
    samples: int,
) -> Figure:
    taken: dict[Connection, list[float]] = {full: [], few: []}
    if verb is _expired_sweep:
        samples //= 10
    for n in range(samples):
        for place in random.sample([full, few], 2):
            before = time.perf_counter()
            own = verb(place, n)
            seconds = time.perf_counter() - before
            taken[place].append(own if isinstance(own, float) else seconds)
    return in_turn(name, taken[full], taken[few])


# Waiting ----------------------------------------------------------------------------------------


def _waiters(server: Server, seconds: int) -> list[tuple[str, ...]]:
    """What so many idle waiters ask a second, and how soon one of them has a card that is made."""
    url = server.backlog("waiting")
    with ExitStack() as stack:
        observer = stack.enter_context(connect(url))
        got: dict[str, float] = {}
        done = threading.Event()
        connections = [stack.enter_context(connect(url)) for _ in range(_WAITERS)]
        threads = [
            threading.Thread(target=_wait, args=(connection, got, done), daemon=True)
            for connection in connections
        ]
        for thread in threads:
            thread.start()
        progress(f"{_WAITERS} wait; they grow patient")
        time.sleep(10)
        before, busy = _asked(observer), time.process_time()
        time.sleep(seconds)
        asked = (_asked(observer) - before) / seconds
        client = (time.process_time() - busy) / seconds
        latencies = [_arrival(PsycopgSession(observer), n, got) for n in range(_ARRIVALS)]
        done.set()
        for n in range(_WAITERS):
            cards.create(PsycopgSession(observer), f"end-{n}", "End")
        for thread in threads:
            thread.join(10)
    ordered = sorted(latencies)
    return [
        ("figure", "measured"),
        ("transactions a second, all idle", f"{asked:,.0f}"),
        ("processor time of the waiters' process", f"{client:.0%} of one"),
        ("from created to claimed, median", milliseconds(ordered)),
        ("the slowest of " + str(_ARRIVALS), f"{ordered[-1] * 1000:.0f} ms"),
    ]


def _wait(connection: Connection, got: dict[str, float], done: threading.Event) -> None:
    session = PsycopgSession(connection)
    while not done.is_set():
        for card in claims.claim(session, "waiter", wait=60).cards:
            got[card.id] = time.perf_counter()


def _arrival(session: PsycopgSession, n: int, got: dict[str, float]) -> float:
    card_id = f"new-{n}"
    before = time.perf_counter()
    cards.create(session, card_id, "New")
    while card_id not in got:
        time.sleep(0.001)
    time.sleep(random.uniform(0.2, 0.4))
    return got[card_id] - before


def _asked(connection: Connection) -> int:
    # The statistics of a backend arrive within a second or so of what it did.
    return connection.execute(
        "SELECT xact_commit FROM pg_stat_database WHERE datname = current_database()"
    ).fetchone()[0]
