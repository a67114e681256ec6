"""The processes of the chaos: `python -m tests.chaos.children ROLE NAME JOURNAL SEED`."""

import logging
import random
import sys
import time
from collections.abc import Callable
from contextlib import closing, suppress
from functools import partial
from pathlib import Path
from typing import Any

import psycopg

from backlog.errors import ClaimLost, Refusal
from backlog.session import PsycopgSession, Session
from backlog.store import storage
from backlog.store.embedded import StoreError
from backlog.verbs import batches, cards, claims, moves
from backlog.verbs.runs import Report
from backlog.worker import Blocked, GiveBack, Job, Worker
from tests.chaos.journal import Journal

TTL = 2
AWAY = (psycopg.OperationalError, psycopg.InterfaceError, StoreError)

Turn = Callable[[Session, Journal, str, random.Random], None]

# How a worker ends an attempt, and how often in a hundred.
ENDS: dict[str, tuple[int, Callable[..., Any]]] = {
    "completed": (80, moves.complete),
    "released": (8, moves.release),
    "failed": (8, partial(moves.release, report=Report(outcome="failed"))),
    "blocked": (4, partial(moves.block, reason="needs_input")),
}


def work(session: Session, journal: Journal, owner: str, chance: random.Random) -> None:
    """One card: claim it, take a while over it, perhaps far too long, and say how it went."""
    card = claims.claim(session, owner, TTL).card
    if card is None:
        time.sleep(0.05)
        return
    held = (card.id, owner, card.attempts)
    say = partial(journal, owner=owner, card=card.id, attempt=card.attempts)
    say("claimed")
    (how,) = chance.choices(list(ENDS), [weight for weight, _ in ENDS.values()])
    try:
        time.sleep(chance.random() / 5)
        if chance.random() < 0.3:
            renewed = moves.renew(session, *held, TTL)
            say("renewed", time=renewed.claimed_at.isoformat())  # type: ignore[union-attr]  # (it is claimed)
        if chance.random() < 0.05:
            time.sleep(1.5 * TTL)  # and wakes up as a zombie
        say("trying")
        ENDS[how][1](session, *held)
        say(how)
    except ClaimLost:
        say("refused", tried=how)


def work_in_batches(session: Session, journal: Journal, owner: str, chance: random.Random) -> None:
    """A few cards at once: claim them, renew what is held, and end them together."""
    taken = claims.claim(session, owner, TTL, count=4).cards
    held = [batches.Held(card.id, card.attempts) for card in taken]
    attempts = {each.id: each.attempt for each in held}
    for each in held:
        journal("claimed", owner=owner, card=each.id, attempt=each.attempt)
    time.sleep(chance.random() / 5)
    how = "completed" if chance.random() < 0.9 else "released"
    chance.shuffle(held)
    for what, outcomes in (
        ("renewed", batches.renew_many(session, held, owner, TTL)),
        (how, BATCHES[how](session, held, owner)),
    ):
        for card_id, card, refusal in outcomes:
            say = partial(journal, owner=owner, card=card_id, attempt=attempts[card_id])
            if card is not None:
                say(what, **({"time": card.claimed_at.isoformat()} if card.claimed_at else {}))
            elif isinstance(refusal, ClaimLost) and what == how:
                say("refused", tried=how)


BATCHES: dict[str, Callable[..., Any]] = {
    "completed": batches.complete_many,
    "released": batches.release_many,
}


def call(journal: Journal, owner: str, chance: random.Random) -> None:
    """A worker of functions, with cards ahead; what it was told stands in its log."""

    def end(job: Job) -> None:
        time.sleep(chance.random() / 5)
        (how,) = chance.choices(list(ENDS), [weight for weight, _ in ENDS.values()])
        if how != "completed":
            raise {"released": GiveBack, "blocked": Blocked, "failed": ValueError}[how]

    class Journaled(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            journal(**record.__dict__["transition"])

    log = logging.getLogger("backlog.worker")
    log.handlers, log.propagate = [Journaled()], False
    log.setLevel(logging.INFO)
    Worker(end, owner, ttl=TTL, concurrency=2, prefetch=6, backoff=1, grace=1).run()


def create(session: Session, journal: Journal, owner: str, chance: random.Random) -> None:
    """A card that may wait for some of those before it."""
    sql = "SELECT id FROM backlog ORDER BY created_at DESC LIMIT 5"
    newest = [row[0] for row in session.execute(sql).fetchall()]
    needs = chance.sample(newest, min(len(newest), chance.choice([0, 0, 0, 1, 2])))
    card_id = f"{owner}-{time.monotonic_ns()}"
    phase = chance.choice(["M1", "M2"])
    cards.create(session, card_id, "Card", depends_on=needs, phase=phase)
    journal("created", card=card_id)
    time.sleep(0.08)


def main(role: str, name: str, path: str, seed: str) -> None:
    """Take turns for ever, on a new connection whenever the store was away."""
    chance, journal = random.Random(seed), Journal(Path(path))  # noqa: S311 (not a secret)
    while True:
        with suppress(*AWAY, Refusal):
            if role == "call":
                call(journal, name, chance)
            with closing(storage.from_environment().connect()) as connection:
                turn = {"work": work, "work_in_batches": work_in_batches, "create": create}[role]
                _take_turns(turn, PsycopgSession(connection), journal, name, chance)
        time.sleep(0.1)


def _take_turns(turn: Turn, session: Session, *rest: Any) -> None:
    while True:
        with suppress(Refusal):  # busy, or a cycle
            turn(session, *rest)


if __name__ == "__main__":
    main(*sys.argv[1:])
