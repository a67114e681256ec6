"""Fleets at work: real processes drain a DAG and a real backlog; every kind of writer at once."""

import random
import time
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress
from itertools import count
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from psycopg import errors

from backlog.errors import Refusal
from backlog.session import PsycopgSession
from backlog.verbs import cards, check, claims, moves, transfer
from tests import workers
from tests.budget import seconds
from tests.command import PROJECT
from tests.factories import empty
from tests.plugin import TIER
from tests.workers import Background, Claimed, crowd, cycles

REAL_BACKLOG = next(
    path
    for name in ("../shared/data/beads-backlog.jsonl", "examples/beads-sample.jsonl")
    if (path := PROJECT / name).exists()
)


_DEEP = [pytest.mark.deep, pytest.mark.one_tier]


def test_sixteen_claimers_on_sixteen_cards_all_win(card):
    for n in range(16):
        card(f"c{n}")
    won = crowd(16, "claim_one")
    assert [len(each) for each in won] == [1] * 16
    assert len({each[0].id for each in won}) == 16


@pytest.mark.parametrize(
    "drain",
    [
        "drain",
        pytest.param("drain_in_batches", marks=pytest.mark.one_tier),
        pytest.param("drain_by_function", marks=_DEEP),
    ],
)
def test_sixteen_processes_drain_a_dag(session, drain):
    """Ten layers of sixteen cards, each of which waits for three of the layer before."""
    chosen = random.Random(1)  # noqa: S311 (not a secret)
    layers = [[f"{layer}-{n}" for n in range(16)] for layer in range(10)]
    with session.transaction():
        for before, layer in zip([[], *layers], layers, strict=False):
            for card_id in layer:
                needs = chosen.sample(before, 3) if before else []
                cards.create(session, card_id, "Part", depends_on=needs)
    won = crowd(16, drain, "0")
    claimed_once_and_in_order(session, won)
    assert sum(map(len, won)) == 160


def test_eight_processes_drain_a_real_backlog(session, capsys):
    lines = REAL_BACKLOG.read_bytes().splitlines(keepends=True)
    imported = transfer.import_cards(session, lines)
    assert imported.created == check.recount(session).cards == len(list(filter(bytes.strip, lines)))
    session.execute("UPDATE backlog SET status = 'ready'")
    assert check.recount(session).ok
    stuck = waiting_for_ever(session)

    begun = time.monotonic()
    won = crowd(8, "drain", str(stuck))
    took = time.monotonic() - begun

    claimed_once_and_in_order(session, won)
    drained = sum(map(len, won))
    assert drained == imported.created - stuck
    with capsys.disabled():
        print(f"\n{TIER}: 8 processes drained {drained} real cards in {took:.1f} s")  # noqa: T201 (how fast, for whoever runs it)


def claimed_once_and_in_order(session: PsycopgSession, won: list[list[Claimed]]) -> None:
    """No card was claimed twice, none before the last change of a dependency: to done."""
    times = {claim.id: claim.at for each in won for claim in each}
    assert len(times) == sum(map(len, won))
    assert {claim.attempt for each in won for claim in each} == {1}
    sql = """
        SELECT card_id, status, updated_at FROM backlog_dependency
        JOIN backlog ON id = dependency_id WHERE card_id = ANY (%s)"""
    for card_id, status, finished in session.execute(sql, [list(times)]).fetchall():
        assert status == "done"
        assert finished < times[card_id]
    assert check.recount(session).ok


def waiting_for_ever(session: PsycopgSession) -> int:
    """How many cards wait, directly or through others, for an id that does not exist."""
    sql = """
        WITH RECURSIVE stuck (id) AS (
            SELECT card_id FROM backlog_dependency
            WHERE NOT EXISTS (SELECT FROM backlog WHERE id = dependency_id)
            UNION SELECT card_id FROM stuck JOIN backlog_dependency ON dependency_id = stuck.id
        )
        SELECT count(*) FROM stuck"""
    return session.execute(sql).fetchone()[0]


# Programs of verbs --------------------------------------------------------------------------------

IDS = st.sampled_from("ABCD")
NEEDS = st.lists(IDS, max_size=2, unique=True)
WRITES = [
    lambda session, card_id, needs: cards.create(session, card_id, "Card", depends_on=needs),
    lambda session, card_id, needs: cards.edit(session, card_id, depends_on=needs),
]
STEP = st.one_of(
    st.tuples(st.sampled_from(["claim", "finish", "reclaim"])),
    st.tuples(st.just("guess"), IDS, st.integers(1, 4)),
    st.tuples(st.sampled_from([moves.complete, moves.block, moves.unblock, moves.reopen]), IDS),
    st.tuples(st.sampled_from([moves.release, moves.reclaim_card, cards.delete]), IDS),
    st.tuples(st.sampled_from([cards.link, cards.link, cards.unlink]), IDS, IDS),
    st.tuples(st.sampled_from(WRITES), IDS, NEEDS),
)


class Worker:
    """Runs a program of verbs on a connection of its own; keeps what it claimed and finished."""

    def __init__(self, owner: str, session: PsycopgSession) -> None:
        self.owner, self.session = owner, session
        self.claimed: list[tuple[str, int]] = []
        self.finished: list[tuple[str, int]] = []

    def run(self, _: PsycopgSession, program: list[Any]) -> None:
        for verb, *words in program:
            with suppress(Refusal):
                if callable(verb):
                    verb(self.session, *words)
                else:
                    getattr(self, verb)(*words)

    def claim(self) -> None:
        card = claims.claim(self.session, self.owner).card
        if card is not None:
            self.claimed.append((card.id, card.attempts))

    def finish(self) -> None:
        if self.claimed:
            self.guess(*self.claimed[-1])

    def guess(self, card_id: str, attempt: int) -> None:
        moves.complete(self.session, card_id, self.owner, attempt)
        self.finished.append((card_id, attempt))

    def reclaim(self) -> None:
        with suppress(errors.DeadlockDetected):  # a raw statement's own affair
            self.session.execute("UPDATE backlog SET claimed_at = claimed_at - interval '1 hour'")
        moves.reclaim(self.session)


@pytest.mark.deep
def test_programs_of_verbs_at_once_break_nothing(sessions):
    watcher, *fleet = [sessions() for _ in range(5)]

    @settings(phases=[Phase.generate], database=None)
    @given(st.lists(st.lists(STEP, min_size=5, max_size=15), min_size=4, max_size=4))
    def run(programs: list[list[Any]]) -> None:
        empty(watcher)
        for card_id in "ABC":
            cards.create(watcher, card_id, "Card")
        crew = [Worker(f"w{n}", session) for n, session in enumerate(fleet)]
        started = [
            Background(worker.session, worker.run, program)
            for worker, program in zip(crew, programs, strict=True)
        ]
        for each in started:
            each.result()
        nothing_is_broken(watcher, crew)

    run()


def nothing_is_broken(session: PsycopgSession, crew: list[Worker]) -> None:
    assert check.recount(session).ok
    assert cycles(session) == []
    assert repeated(claim for worker in crew for claim in worker.claimed) == []
    assert repeated(claim for worker in crew for claim in worker.finished) == []
    for worker in crew:
        assert set(worker.finished) <= set(worker.claimed)


def repeated(claims: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    """`(id, attempt)` pairs that occur more than once."""
    return [claim for claim, n in Counter(claims).items() if n > 1]


# Every kind of writer -----------------------------------------------------------------------------

STORM_SECONDS = seconds(bounded=3, full=60)
ENOUGH = 20  # claims, raw writes and snapshots, each
PATIENCE_SECONDS = 180


class Storm:
    """Every verb and raw statements of every kind, at once, on two dozen cards."""

    def __init__(self, sessions: Any) -> None:
        self._verbs, self._raw = [sessions() for _ in range(5)], [sessions() for _ in range(3)]
        self._watcher = sessions()
        self.won: list[tuple[tuple[str, int], bool]] = []
        self.checks: list[check.Check] = []
        self.written = 0

    @property
    def volume(self) -> int:
        return min(len(self.won), self.written, len(self.checks))

    def blow(self, gust: int) -> None:
        """Some seconds of it; another `gust` takes other turns."""
        end = time.monotonic() + STORM_SECONDS
        fleet = [
            Background(session, workers.verbs_at_random, end, 10 * gust + n)
            for n, session in enumerate(self._verbs)
        ]
        raw = [
            Background(session, workers.writes_at_random, end, 10 * gust + n)
            for n, session in enumerate(self._raw)
        ]
        watcher = Background(self._watcher, workers.watch, end)
        self.won += [claim for worker in fleet for claim in worker.result()]
        self.written += sum(writer.result() for writer in raw)
        self.checks += watcher.result()


@pytest.mark.deep
def test_no_snapshot_shows_a_wrong_count_whoever_writes(sessions):
    """As long as it takes to have seen enough: a busy machine is slow, and proves as much."""
    storm = Storm(sessions)
    deadline = time.monotonic() + PATIENCE_SECONDS
    gusts = count()
    while storm.volume <= ENOUGH and time.monotonic() < deadline:
        storm.blow(next(gusts))

    assert [found for found in storm.checks if not found.ok] == []
    assert [claim for claim, premature in storm.won if premature] == []
    assert repeated(claim for claim, _ in storm.won) == []
    assert check.recount(sessions()).ok
    assert storm.volume > ENOUGH, (len(storm.won), storm.written, len(storm.checks))
