"""Workers for the tests of concurrency: verbs on threads of their own, and real processes."""

import json
import multiprocessing
import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterable
from concurrent.futures import Future
from contextlib import closing, suppress
from datetime import datetime
from typing import Any, NamedTuple

from psycopg import errors

from backlog.errors import Refusal
from backlog.records import Record
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import batches, cards, check, claims, moves, transfer
from backlog.worker import Worker
from tests.command import PROJECT

_PATIENCE = 60  # seconds; a hang fails the test instead of the run

_WAITS = "SELECT wait_event_type = 'Lock' FROM pg_stat_activity WHERE pid = %s"


class Background:
    """A verb that runs meanwhile, on a thread of its own; `result()` gives or raises its end."""

    def __init__(self, session: PsycopgSession, verb: Callable[..., Any], *args: Any) -> None:
        self._pid = session.execute("SELECT pg_backend_pid()").fetchone()[0]
        self._end: Future[Any] = Future()
        threading.Thread(target=self._run, args=(verb, session, *args), daemon=True).start()

    def waits(self) -> bool:
        """Whether it comes to stand at somebody's lock, rather than to its end."""
        with closing(storage.from_environment().connect()) as watcher:
            deadline = time.monotonic() + _PATIENCE
            while time.monotonic() < deadline and not self._end.done():
                if watcher.execute(_WAITS, (self._pid,)).fetchone()[0]:
                    return True
                time.sleep(0.002)
        assert self._end.done(), "it neither waits for a lock nor ends"
        return False

    @property
    def ended(self) -> bool:
        return self._end.done()

    def result(self) -> Any:
        return self._end.result(_PATIENCE)

    def error(self) -> BaseException | None:
        return self._end.exception(_PATIENCE)

    def _run(self, verb: Callable[..., Any], *args: Any) -> None:
        try:
            self._end.set_result(verb(*args))
        except BaseException as error:
            self._end.set_exception(error)


def claim_first(session: PsycopgSession, owner: str, ttl: int = 900) -> Record | None:
    """The card that a claim of one takes."""
    return claims.claim(session, owner, ttl).card


def claim_card(session: PsycopgSession, card_id: str, owner: str, ttl: int = 900) -> Record | None:
    """This card, if a claim takes it."""
    return claims.claim(session, owner, ttl, card_id=card_id).card


def cycles(session: PsycopgSession) -> list[str]:
    """The cards that wait for themselves, directly or through others."""
    sql = """
        WITH RECURSIVE waits (id, other) AS (
            SELECT card_id, dependency_id FROM backlog_dependency
            UNION SELECT id, dependency_id FROM waits JOIN backlog_dependency ON card_id = other
        )
        SELECT id FROM waits WHERE id = other ORDER BY id"""
    return [row[0] for row in session.execute(sql).fetchall()]


class Claimed(NamedTuple):
    """One claim that a process won, by the database's clock."""

    id: str
    attempt: int
    at: datetime


def crowd(count: int, task: str, *words: str) -> list[list[Claimed]]:
    """Run a task below in that many processes at once; what each won."""
    won = together(count, "tests.workers", task, *words)
    return [[Claimed(i, n, datetime.fromisoformat(at)) for i, n, at in each] for each in won]


def together(count: int, module: str, *words: str) -> list[list[Any]]:
    """Run a module that calls `serve` in that many processes at once; what each told."""
    process = subprocess.run(
        [sys.executable, "-m", module, str(count), *words],
        cwd=PROJECT,
        env={**os.environ, "PYTHONWARNINGS": "error"},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        timeout=3 * _PATIENCE,
    )
    told: list[list[Any]] = [[] for _ in range(count)]
    for line in process.stdout.splitlines():
        number, what = json.loads(line)
        told[number].append(what)
    return told


def drain(session: PsycopgSession, left: str, owner: str) -> None:
    """Claim and complete until only `left` cards are not done."""
    unfinished = "SELECT count(*) FROM backlog WHERE status <> 'done'"
    while True:
        card = claims.claim(session, owner).card
        if card is not None:
            _tell(card)
            moves.complete(session, card.id, owner, card.attempts)
        elif session.execute(unfinished).fetchone()[0] <= int(left):
            return
        else:
            time.sleep(0.01)  # others hold what the rest waits for


def drain_in_batches(session: PsycopgSession, left: str, owner: str) -> None:
    """As `drain`, up to eight cards at once, whose ends bring the next ones with them."""
    unfinished = "SELECT count(*) FROM backlog WHERE status <> 'done'"
    cards: list[Record] = []
    while True:
        cards = cards or claims.claim(session, owner, count=8).cards
        for card in cards:
            _tell(card)
        held = [batches.Held(card.id, card.attempts) for card in cards]
        waited_for = any(card.has_dependents for card in cards)
        outcomes, taken = batches.complete_many_and_claim(
            session, held, owner, 8, waited_for=waited_for
        )
        refused = [each for each in outcomes if each.refusal]
        assert not refused, refused
        cards = taken.cards
        if not cards:
            if session.execute(unfinished).fetchone()[0] <= int(left):
                return
            time.sleep(0.01)  # others hold what the rest waits for


def drain_by_function(session: PsycopgSession, left: str, owner: str) -> None:
    """As `drain`, by a function that is called with many cards ahead."""
    unfinished = "SELECT count(*) FROM backlog WHERE status <> 'done'"
    while session.execute(unfinished).fetchone()[0] > int(left):
        Worker(lambda job: _tell(job.card), owner, until="drain", prefetch=10).run()
        time.sleep(0.01)  # others hold what the rest waits for


def claim_one(session: PsycopgSession, owner: str) -> None:
    """One claim, and nothing of it if there is nothing."""
    for card in claims.claim(session, owner).cards:
        _tell(card)


def _tell(card: Any) -> None:
    tell([card.id, card.attempts, card.claimed_at.isoformat()])


_number = 0  # of this process among those that `serve` made


def tell(what: Any) -> None:
    """One line to the test, in one piece: others write to the same pipe."""
    os.write(1, f"{json.dumps([_number, what])}\n".encode())


def serve(tasks: Iterable[Callable[..., None]], count: str, task: str, *words: str) -> None:
    """Do the task of this name in that many processes, which begin it at one moment."""
    fork = multiprocessing.get_context("fork")
    begin = fork.Barrier(int(count))
    chosen = {each.__name__: each for each in tasks}[task]
    children = [
        fork.Process(target=_child, args=(n, begin, chosen, words)) for n in range(int(count))
    ]
    for child in children:
        child.start()
    for child in children:
        child.join()
    assert [child.exitcode for child in children] == [0] * len(children)


def _child(number: int, begin: Any, task: Callable[..., None], words: tuple[str, ...]) -> None:
    global _number
    _number = number
    with closing(storage.from_environment().connect()) as connection:
        begin.wait(_PATIENCE)
        task(PsycopgSession(connection), *words, f"w{number}")


# Every writer at once -----------------------------------------------------------------------------

_IDS = [f"c{n:02}" for n in range(24)]

_STILL_OPEN = """
SELECT count(*) FROM backlog_dependency LEFT JOIN backlog ON id = dependency_id
WHERE card_id = %s AND status IS DISTINCT FROM 'done'"""


def verbs_at_random(
    session: PsycopgSession, end: float, seed: int
) -> list[tuple[tuple[str, int], bool]]:
    """Every verb until `end`; each claim won, and whether a dependency was unfinished then."""
    chance = random.Random(seed)  # noqa: S311 (not a secret)
    owner = f"w{seed}"
    won = []
    session.execute("SET deadlock_timeout = '20ms'")
    while time.monotonic() < end:
        verb = chance.choices(_VERBS, [weight for _, weight in _VERBS])[0][0]
        with suppress(Refusal):
            if verb in (claim_first, claim_card):
                words = [chance.choice(_IDS)] if verb is claim_card else []
                won += _claim(session, verb, *words, owner)
            else:
                verb(session, chance)
    return won


def _claim(session: PsycopgSession, verb: Any, *words: str) -> list[tuple[tuple[str, int], bool]]:
    # In one transaction: while it lasts, no dependency of the card can be reopened. After a
    # deadlock there is no trying again within it.
    with suppress(errors.InFailedSqlTransaction), session.transaction():
        card = verb(session, *words)
        if card is not None:
            unfinished = session.execute(_STILL_OPEN, (card.id,)).fetchone()[0]
            return [((card.id, card.attempts), unfinished > 0)]
    return []


def _on(number: int, verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb, on so many cards."""
    return lambda session, chance: verb(session, *chance.sample(_IDS, number))


def _complete_many(session: PsycopgSession, *ids: str) -> None:
    batches.complete_many(session, [batches.Held(card_id) for card_id in ids])


def _dependencies(chance: random.Random) -> list[str]:
    return chance.sample(_IDS, chance.randrange(4))


def _create(session: PsycopgSession, chance: random.Random) -> None:
    cards.create(session, chance.choice(_IDS), "New", depends_on=_dependencies(chance))


def _edit(session: PsycopgSession, chance: random.Random) -> None:
    cards.edit(session, chance.choice(_IDS), depends_on=_dependencies(chance))


def _delete(session: PsycopgSession, chance: random.Random) -> None:
    cards.delete(session, chance.choice(_IDS), force=chance.random() < 0.5)


def _import(session: PsycopgSession, chance: random.Random) -> None:
    lines = [
        {"id": card_id, "title": "Line", "status": chance.choice(["ready", "done"])}
        | {"dependsOn": _dependencies(chance)}
        for card_id in chance.sample(_IDS, 3)
    ]
    transfer.import_cards(session, [json.dumps(line).encode() for line in lines], update=True)


_VERBS: list[tuple[Any, int]] = [
    (claim_first, 20),
    (claim_card, 5),
    (_on(1, moves.complete), 20),
    (_on(4, _complete_many), 8),
    (_on(1, moves.reopen), 8),
    (_on(1, moves.block), 3),
    (_on(1, moves.unblock), 6),
    (_on(1, moves.release), 3),
    (_on(1, moves.renew), 3),
    (_on(1, moves.reclaim_card), 3),
    (lambda session, _: moves.reclaim(session), 2),
    (_on(2, cards.link), 8),
    (_on(2, cards.unlink), 4),
    (_create, 8),
    (_edit, 4),
    (_delete, 4),
    (_import, 2),
]

_RAW = [
    "UPDATE backlog SET status = 'done' WHERE id = ANY (%(some)s)",
    "UPDATE backlog SET status = 'ready' WHERE id = ANY (%(some)s)",
    "UPDATE backlog SET depends_on = %(lower)s WHERE id = %(one)s",
    "UPDATE backlog SET depends_on = %(lower)s, status = 'done' WHERE id = %(one)s",
    "UPDATE backlog SET open_dependencies = 0, held = false WHERE id = ANY (%(some)s)",
    "UPDATE backlog SET claimed_at = claimed_at - interval '1 hour' WHERE id = ANY (%(some)s)",
    "DELETE FROM backlog WHERE id = ANY (%(some)s)",
    """INSERT INTO backlog (id, title, status)
    SELECT id, 'Raw', (ARRAY['ready', 'done', 'blocked'])[1 + n %% 3]
    FROM unnest(%(some)s::text[]) WITH ORDINALITY AS given (id, n)
    ON CONFLICT (id) DO UPDATE SET status = excluded.status""",
    """WITH linked AS (UPDATE backlog SET depends_on = %(lower)s WHERE id = %(one)s)
    UPDATE backlog SET status = 'done' WHERE id = ANY (%(some)s) AND id <> %(one)s""",
]


def writes_at_random(session: PsycopgSession, end: float, seed: int) -> int:
    """Raw statements and COPY until `end`; how many went through. A deadlock is their affair."""
    chance = random.Random(100 + seed)  # noqa: S311 (not a secret)
    done = 0
    session.execute("SET deadlock_timeout = '20ms'")
    while time.monotonic() < end:
        some = chance.sample(_IDS, 3)
        one = chance.randrange(len(_IDS))
        lower = chance.sample(_IDS[:one], min(one, chance.randrange(4)))
        values = {"some": some, "one": _IDS[one], "lower": json.dumps(lower)}
        with suppress(errors.DeadlockDetected, errors.UniqueViolation):
            if chance.random() < 0.1:
                rows = [(_IDS[one], "Copied", chance.choice(["ready", "done"]), json.dumps(lower))]
                session.copy("COPY backlog (id, title, status, depends_on) FROM STDIN", rows)
            else:
                session.execute(chance.choice(_RAW), values)
            done += 1
    return done


def watch(session: PsycopgSession, end: float) -> list[check.Check]:
    """Check one snapshot after the other until `end`."""
    found = []
    while time.monotonic() < end:
        with session.transaction():
            session.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            found.append(check.recount(session))
    return found


if __name__ == "__main__":
    serve([drain, drain_in_batches, drain_by_function, claim_one], *sys.argv[1:])
