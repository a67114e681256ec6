"""Limits and pauses under 64 claimers at once: in no snapshot too many, and none too few."""

import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing
from typing import Any

import pytest

from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import cards, claims, moves, rules
from backlog.verbs.pool import Pool
from tests.worker import until
from tests.workers import Background

CREW = 64
PHASE_LIMIT = 5
OWNER_LIMIT = 2
PATIENCE = 120  # seconds; a hang fails the test instead of the run

M1 = Pool(phase="M1")


@pytest.fixture(scope="module")
def connected(django_db_setup: None) -> Iterator[list[PsycopgSession]]:
    """The sessions of the crew: to connect them costs as much as a test."""
    with ExitStack() as stack:
        connect = storage.from_environment().connect
        yield [PsycopgSession(stack.enter_context(closing(connect()))) for _ in range(CREW)]


@pytest.fixture
def crew(store: None, connected: list[PsycopgSession]) -> list[PsycopgSession]:
    """Sixty-four sessions, each for a worker of its own."""
    return connected


def many(session: PsycopgSession, count: int, phase: str | None = "M1") -> None:
    """Make so many cards of a phase."""
    with session.transaction():
        for number in range(count):
            cards.create(session, f"{phase}-{number}", "Card", phase=phase)


def at_once(crew: list[PsycopgSession], verb: Any, *args: Any) -> list[Any]:
    """What the verb gives to each of the crew, called with its number, all at one moment."""
    start = threading.Barrier(len(crew))

    def run(session: PsycopgSession, number: int) -> Any:
        start.wait(PATIENCE)
        return verb(session, number, *args)

    running = [Background(session, run, number) for number, session in enumerate(crew)]
    return [each.result() for each in running]


# Claims that are held -----------------------------------------------------------------------------


def hold(session: PsycopgSession, number: int, pool: Pool = M1) -> claims.Taken:
    return claims.claim(session, f"w{number}", 600, pool)


def hold_by_id(session: PsycopgSession, number: int) -> claims.Taken[Any]:
    return claims.claim(session, f"w{number}", card_id=f"M1-{number}")


@pytest.mark.parametrize("verb", [hold, hold_by_id])
def test_of_64_claims_at_once_a_phase_takes_its_limit(verb, session, crew):
    many(session, CREW)
    rules.limit(session, "phase", "M1", PHASE_LIMIT)
    taken = at_once(crew, verb)
    assert Counter(each.why for each in taken) == {None: PHASE_LIMIT, "limit": CREW - PHASE_LIMIT}
    assert len({each.cards[0].id for each in taken if each.cards}) == PHASE_LIMIT


def test_of_64_claims_of_several_at_once_a_phase_takes_its_limit(session, crew):
    many(session, 3 * CREW)
    rules.limit(session, "phase", "M1", PHASE_LIMIT)
    taken = at_once(crew, lambda s, number: claims.claim(s, f"w{number}", 600, M1, 3))
    assert sum(len(each.cards) for each in taken) == PHASE_LIMIT


def test_of_64_claims_at_once_an_owner_gets_its_limit(session, crew):
    many(session, CREW, phase=None)
    rules.limit(session, "owner", "w0", OWNER_LIMIT)
    taken = at_once(crew, lambda s, number: claims.claim(s, f"w{number % 2}", 600))
    owners = Counter(card.claim_owner for each in taken for card in each.cards)
    assert owners == {"w0": OWNER_LIMIT, "w1": CREW // 2}


@pytest.mark.parametrize(
    ("rule", "said", "left"), [(rules.limit, PHASE_LIMIT, PHASE_LIMIT), (rules.pause, "freeze", 0)]
)
def test_what_a_limit_or_a_pause_is_not_about_is_taken_by_all_others(
    rule, said, left, session, crew
):
    many(session, CREW)
    many(session, CREW, phase="M2")
    rule(session, "phase", "M1", said)
    taken = at_once(crew, hold, Pool())
    phases = Counter(card.phase for each in taken for card in each.cards)
    assert phases == Counter({"M1": left, "M2": CREW - left})


def test_a_slot_that_is_given_back_is_taken_by_one_of_64(session, crew):
    many(session, CREW)
    rules.limit(session, "phase", "M1", PHASE_LIMIT)
    held = [each.cards[0] for each in at_once(crew, hold) if each.cards]
    moves.complete(session, held[0].id)
    moves.release(session, held[1].id)
    assert sum(len(each.cards) for each in at_once(crew, hold)) == 2


# Claims that come and go --------------------------------------------------------------------------


class Shift:
    """While it lasts; `full`: all slots were seen taken, until when whoever has one keeps it."""

    def __init__(self) -> None:
        self.full, self.over = threading.Event(), threading.Event()


def watch(session: PsycopgSession, shift: Shift) -> list[tuple[int, int]]:
    """What one snapshot after the other showed: claims of the phase, and the most of an owner."""
    sql = """
        SELECT coalesce(sum(n), 0), coalesce(max(n), 0) FROM (
            SELECT count(*) AS n FROM backlog WHERE status = 'claimed' AND phase = 'M1'
            GROUP BY claim_owner) AS held"""
    seen = []
    while not shift.over.is_set():
        seen.append(session.execute(sql).fetchone())
        if seen[-1][0] >= PHASE_LIMIT:
            shift.full.set()
    return seen


def come_and_go(session: PsycopgSession, number: int, shift: Shift) -> int:
    """Claim and finish as one of four owners until all is done; how many it finished."""
    owner = f"w{number % 4}"
    finished = 0
    while not shift.over.is_set():
        for card in claims.claim(session, owner, 600, M1).cards:
            assert shift.full.wait(PATIENCE)
            if card.attempts == 1 and number % 3 == 0:
                moves.release(session, card.id, owner, card.attempts)
            else:
                moves.complete(session, card.id, owner, card.attempts)
                finished += 1
        sql = "SELECT NOT EXISTS (SELECT FROM backlog WHERE status <> 'done')"
        if session.execute(sql).fetchone()[0]:
            shift.over.set()
    return finished


MOST_AT_ONCE = """
    SELECT max(n) FROM (
        SELECT sum(change) OVER (PARTITION BY {scope} ORDER BY at, change) AS n FROM (
            SELECT started_at AS at, 1 AS change, owner FROM backlog_run
            UNION ALL SELECT ended_at, -1, owner FROM backlog_run) AS changes) AS held"""


@pytest.mark.deep
def test_limits_hold_in_every_snapshot_while_64_come_and_go(session, sessions, crew):
    many(session, 300)
    rules.limit(session, "phase", "M1", PHASE_LIMIT)
    for number in range(4):
        rules.limit(session, "owner", f"w{number}", OWNER_LIMIT)
    shift = Shift()
    watcher = Background(sessions(), watch, shift)
    assert sum(at_once(crew, come_and_go, shift)) == 300
    phase, owner = zip(*watcher.result(), strict=True)
    # Never more, and all slots used.
    assert (max(phase), max(owner)) == (PHASE_LIMIT, OWNER_LIMIT)
    assert len(phase) > 20
    assert session.execute(MOST_AT_ONCE.format(scope="1")).fetchone() == (PHASE_LIMIT,)
    assert session.execute(MOST_AT_ONCE.format(scope="owner")).fetchone() == (OWNER_LIMIT,)


# Pauses -------------------------------------------------------------------------------------------

CLOCK = "SELECT clock_timestamp()"
PAUSES = [("fleet", ""), ("phase", "M1"), ("owner", "w")]


def claim_until(
    session: PsycopgSession, number: int, over: threading.Event, tries: list[int]
) -> list[Any]:
    """Claim as w, and when each claim that got something had begun, by the database's clock."""
    begun = []
    while not over.is_set():
        (now,) = session.execute(CLOCK).fetchone()
        if claims.claim(session, "w", 600, M1).cards:
            begun.append(now)
        tries[number] += 1
    return begun


@pytest.mark.deep
@pytest.mark.parametrize("scope", PAUSES, ids=[scope for scope, _ in PAUSES])
def test_a_claim_that_begins_after_a_pause_committed_takes_nothing(scope, session, crew):
    many(session, 2000)
    over, tries = threading.Event(), [0] * (CREW - 1)
    racing = Background(session, lambda _: at_once(crew[1:], claim_until, over, tries))
    until(lambda: len(list(cards.list_cards(crew[0], "claimed"))) >= 50)
    rules.pause(crew[0], *scope, "freeze")
    (paused,) = crew[0].execute(CLOCK).fetchone()
    _wait_for_more(tries)
    held = len(list(cards.list_cards(crew[0], "claimed")))
    _wait_for_more(tries)
    over.set()
    begun = [moment for each in racing.result() for moment in each]
    assert max(begun) < paused
    assert 50 <= len(begun) == held < 2000


def _wait_for_more(tries: list[int]) -> None:
    """Until each of the crew has ended what it does now, and begun and ended another claim."""
    wanted = [count + 2 for count in tries]
    until(lambda: all(count >= least for count, least in zip(tries, wanted, strict=True)))


@pytest.mark.parametrize("scope", PAUSES, ids=[scope for scope, _ in PAUSES])
def test_what_runs_goes_on_while_paused_and_claims_after_it(scope, session, crew):
    many(session, 2 * CREW)
    for _ in range(CREW):
        claims.claim(session, "w", 600, M1)
    rules.pause(session, *scope, "freeze")
    assert Counter(at_once(crew, go_on)) == {("claimed", "done", "paused"): CREW}
    assert claims.claim(session, "w", 600, M1) == ([], "paused")
    rules.resume(session, *scope)
    taken = at_once(crew, lambda s, _: claims.claim(s, "w", 600, M1))
    assert Counter(len(each.cards) for each in taken) == {1: CREW}


def go_on(session: PsycopgSession, number: int) -> tuple[Any, ...]:
    """Renew, finish and try to claim another: how that went."""
    renewed = moves.renew(session, f"M1-{number}", "w", 1)
    done = moves.complete(session, f"M1-{number}", "w", 1)
    return renewed.status, done.status, claims.claim(session, "w", 600, M1).why


def test_a_pause_and_its_end_over_and_over_lose_no_card(session, crew):
    many(session, 200)
    shift = Shift()
    shift.full.set()
    racing = Background(session, lambda _: at_once(crew[1:], come_and_go, shift))
    for _ in range(10):
        rules.pause(crew[0], "fleet", "", "freeze")
        time.sleep(0.05)
        rules.resume(crew[0], "fleet", "")
        time.sleep(0.05)
    assert sum(racing.result()) == 200
