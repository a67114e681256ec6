"""What the fleet's rules cost: a backlog that uses none of them, and one that uses them all."""

import time
from collections.abc import Callable
from typing import Final

from psycopg import Connection

from backlog.session import PsycopgSession
from backlog.verbs import budgets, claims, gates, moves, rules
from backlog.verbs.runs import Report
from benchmarks import data
from benchmarks.report import Figure, in_turn, progress, show
from benchmarks.server import Server, connect

_TURN: Final = 20
_WARM_UP: Final = 5
_NEVER: Final = 10**9


def run(server: Server, quick: bool) -> None:
    turns = 15 if quick else 60
    with (
        connect(server.backlog("rules_none")) as none,
        connect(server.backlog("rules_all")) as all_of_them,
    ):
        for connection in (none, all_of_them):
            data.fill(connection, 100_000)
        _use_all(all_of_them)
        ways = [_cycle, _in_one, _reporting]
        show("The fleet's rules", [_measured(way, all_of_them, none, turns) for way in ways])


def _use_all(connection: Connection) -> None:
    """A budget and limits that are not reached, a gate, a role: of all cards that are to come."""
    session = PsycopgSession(connection)
    connection.execute("UPDATE backlog SET phase = 'M1', role = 'code' WHERE status = 'ready'")
    connection.execute("VACUUM ANALYZE backlog")
    budgets.budget(session, "M1", tokens=_NEVER)
    gates.gate(session, "M2")
    for scope, name in (("fleet", ""), ("phase", "M1"), ("role", "code"), ("review", "M2")):
        rules.limit(session, scope, name, _NEVER)


def _cycle(session: PsycopgSession) -> None:
    """one claim and its completion"""
    card = claims.claim(session, "worker").card
    moves.complete(session, card.id, "worker", card.attempts)


def _in_one(session: PsycopgSession) -> None:
    """a completion that claims the next"""
    card = claims.claim(session, "worker").card
    for _ in range(_TURN):
        _, taken = claims.complete_and_claim(session, card.id, "worker", card.attempts)
        card = taken.card
    moves.complete(session, card.id, "worker", card.attempts)


def _reporting(session: PsycopgSession) -> None:
    """one claim, and a completion that tells its tokens"""
    card = claims.claim(session, "worker").card
    moves.complete(session, card.id, "worker", card.attempts, report=Report(tokens=1000))


def _measured(
    way: Callable[[PsycopgSession], None], ours: Connection, theirs: Connection, turns: int
) -> Figure:
    progress(f"{way.__doc__}, {turns} turns")
    sessions = [PsycopgSession(each) for each in (ours, theirs)]
    took: list[list[float]] = [[], []]
    often = 1 if way is _in_one else _TURN
    for turn in range(_WARM_UP + turns):
        for which in (0, 1) if turn % 2 else (1, 0):
            before = time.perf_counter()
            for _ in range(often):
                way(sessions[which])
            if turn >= _WARM_UP:
                took[which].append((time.perf_counter() - before) / _TURN)
    return in_turn(str(way.__doc__), *took)
