"""A process that does every verb about claims at random, with leases of a second.

`python -m tests.lease_storm storm SECONDS NAME`, as `tests.workers.together` starts it.
"""

import random
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import Any

from psycopg import errors

from backlog.errors import Refusal
from backlog.session import Session
from backlog.verbs import batches, cards, claims, moves, pool, rules
from backlog.verbs.batches import Held
from backlog.verbs.runs import Report
from tests.workers import serve, tell

IDS = [f"c{number}" for number in range(12)]
PHASE, LIMIT = "M1", 3

BY_HAND = [
    "UPDATE backlog SET status = 'ready' WHERE id = %s",
    "UPDATE backlog SET claim_owner = 'hand' WHERE id = %s AND status = 'claimed'",
    "UPDATE backlog SET status = 'done', title = 'By hand' WHERE id = %s",
    "UPDATE backlog SET priority = priority + 1, body = 'By hand' WHERE id = %s",
]


def create(session: Session, card_id: str) -> None:
    phase = PHASE if card_id in IDS[::2] else None
    cards.create(session, card_id, "Card", phase=phase, max_attempts=5)


class Hand:
    """One who claims, and remembers every claim it ever had."""

    def __init__(self, session: Session, name: str) -> None:
        self._session, self._name = session, name
        self._chance = random.Random(name)  # noqa: S311 (not a secret)
        self._held: list[tuple[str, str, int]] = []
        self._turns: dict[Callable[[], Any], int] = {
            self.claim: 30,
            self.end_an_attempt: 30,
            self.end_a_batch: 10,
            self.renew: 8,
            self.move_a_card: 25,
            self.hold_back: 2,
            self.sweep: 8,
            self.pause: 1,
            self.resume: 6,
            self.write_by_hand: 3,
            self.begin_anew: 2,
        }

    def turn(self) -> None:
        (act,) = self._chance.choices(list(self._turns), list(self._turns.values()))
        act()

    def claim(self) -> None:
        ways: list[Any] = [{}, {"count": 3}, {"card_id": self._chance.choice(IDS)}]
        (way,) = self._chance.choices(ways, [20, 5, 5])
        for card in claims.claim(self._session, self._name, 1, **way).cards:
            self._held.append((card.id, self._name, card.attempts))
            self._say("claimed", self._held[-1])

    def _say(self, what: str, claim: tuple[str, str, int]) -> None:
        tell({"what": what, "card": claim[0], "owner": claim[1], "attempt": claim[2]})

    def _claim(self) -> tuple[str, str, int]:
        """Mostly the last one, which may well be over."""
        some = self._held[-1:] if self._chance.random() < 0.8 else self._held
        return self._chance.choice(some or [(IDS[0], self._name, 1)])

    def end_an_attempt(self) -> None:
        ends: dict[str, Any] = {
            "completed": moves.complete,
            "released": partial(moves.release, delay=self._chance.choice([None, 0, 1])),
            "failed": partial(moves.release, report=Report(outcome="failed", counted=False)),
            "blocked": moves.block,
        }
        what, claim = self._chance.choice(list(ends)), self._claim()
        ends[what](self._session, *claim)
        self._say(what, claim)

    def end_a_batch(self) -> None:
        """Of several cards, in any order; some of the claims may well be over."""
        ends: dict[str, Any] = {
            "completed": batches.complete_many,
            "released": batches.release_many,
            "blocked": batches.block_many,
        }
        claims = {claim[0]: claim for claim in self._held[-6:]}
        held = [Held(card_id, attempt) for card_id, _, attempt in claims.values()]
        self._chance.shuffle(held)
        batches.renew_many(self._session, held, self._name, ttl=1)
        what = self._chance.choice(list(ends))
        for each in ends[what](self._session, held, self._name):
            if each.card is not None:
                self._say(what, claims[each.id])

    def renew(self) -> None:
        moves.renew(self._session, *self._claim(), ttl=1)

    def move_a_card(self) -> None:
        verbs: list[Any] = [moves.unblock, moves.unblock, moves.reopen, moves.reopen, moves.cancel]
        verb = self._chance.choice([*verbs, moves.reclaim_card, moves.complete])
        verb(self._session, self._chance.choice(IDS))

    def hold_back(self) -> None:
        sql = "UPDATE backlog SET not_before = clock_timestamp() + interval '0.3 s' WHERE id = %s"
        self._session.execute(sql, [self._chance.choice(IDS)])

    def sweep(self) -> None:
        self._chance.choice([moves.reclaim, pool.wake])(self._session)

    def pause(self) -> None:
        scope = self._chance.choice([("fleet", ""), ("phase", PHASE)])
        rules.pause(self._session, *scope, "storm")

    def resume(self) -> None:
        for scope in (("fleet", ""), ("phase", PHASE)):
            rules.resume(self._session, *scope)

    def write_by_hand(self) -> None:
        with suppress(errors.DeadlockDetected):  # a raw statement's own affair
            self._session.execute(self._chance.choice(BY_HAND), [self._chance.choice(IDS)])

    def begin_anew(self) -> None:
        card_id = self._chance.choice(IDS)
        cards.delete(self._session, card_id, force=True)
        create(self._session, card_id)


def storm(session: Session, seconds: str, name: str) -> None:
    hand = Hand(session, name)
    end = time.monotonic() + float(seconds)
    while time.monotonic() < end:
        with suppress(Refusal):
            hand.turn()


if __name__ == "__main__":
    serve([storm], *sys.argv[1:])
