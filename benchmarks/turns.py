"""One side of `before`: ten claims, cycles or completions when told, by whatever tree is imported.

A process of its own, `turns.py URL`, with the tree first on the path. It reads a word a line,
`claim`, `cycle` or `in_one`, and writes the seconds of each of the ten in a line.
"""

import sys
import time
from typing import Any

from backlog.session import PsycopgSession
from backlog.verbs import claims, moves
from benchmarks import data
from benchmarks.server import connect

_CARDS = 20_000
_HELD = 100  # claims that stand until all of them are completed


class Turns:
    def __init__(self, url: str) -> None:
        connection = connect(url)
        data.fill(connection, _CARDS)
        connection.execute("VACUUM ANALYZE backlog")
        connection.execute("SET synchronous_commit = off")
        self._session = PsycopgSession(connection)
        self._held: list[Any] = []

    def claim(self) -> list[float]:
        if len(self._held) == _HELD:
            for card in self._held:
                moves.complete(self._session, card.id, "worker", card.attempts)
            self._held.clear()
            self._session.execute("VACUUM backlog")
        return [self._timed(self._keep) for _ in range(10)]

    def cycle(self) -> list[float]:
        return [self._timed(self._cycle) for _ in range(10)]

    def in_one(self) -> list[float]:
        self._keep()
        took = [self._timed(self._next) for _ in range(10)]
        card = self._held.pop()
        moves.complete(self._session, card.id, "worker", card.attempts)
        return took

    def _timed(self, way: Any) -> float:
        before = time.perf_counter()
        way()
        return time.perf_counter() - before

    def _keep(self) -> None:
        self._held.append(claims.claim(self._session, "worker").card)

    def _cycle(self) -> None:
        card = claims.claim(self._session, "worker").card
        moves.complete(self._session, card.id, "worker", card.attempts)

    def _next(self) -> None:
        card = self._held.pop()
        _, taken = claims.complete_and_claim(self._session, card.id, "worker", card.attempts)
        self._held.append(taken.card)


if __name__ == "__main__":
    turns = Turns(sys.argv[1])
    print("ready", flush=True)
    for line in sys.stdin:
        print(*getattr(turns, line.strip())(), flush=True)
