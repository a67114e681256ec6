"""A process that claims by every door there is, until all cards are done; every fourth one judges.

`python -m tests.limit_storm storm LEFT NAME`, as `tests.workers.together` starts it.
"""

import random
import sys
import time
from contextlib import suppress
from typing import Any

from backlog.errors import Refusal
from backlog.lifecycle import BUDGET
from backlog.session import Session
from backlog.verbs import batches, budgets, claims, moves
from backlog.verbs.batches import Held
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report
from backlog.verbs.verdicts import verify
from tests.workers import serve

# What each card takes, and what the budget of M2 is raised by whenever it is spent.
TOOK, RAISED_BY = 10, 10
TOLD = Report(tokens=TOOK)

POOLS = [Pool(), Pool("M1"), Pool(role="code"), Pool(roles=("code", "review"))]

_LEFT = "SELECT count(*) FROM backlog WHERE status <> 'done'"
_IN_REVIEW = """
SELECT id FROM backlog WHERE status = 'blocked' AND block_reason = 'in_review'
ORDER BY random() LIMIT 1"""


def storm(session: Session, name: str) -> None:
    """Claim, hold for a moment, finish; or judge what was finished."""
    chance = random.Random(name)  # noqa: S311 (not a secret)
    while session.execute(_LEFT).fetchone() != (0,):
        with suppress(Refusal):
            if int(name[1:]) % 4 == 0:
                judge(session, name)
            else:
                work(session, name, chance)
        time.sleep(chance.uniform(0, 0.005))


def judge(session: Session, name: str) -> None:
    for (card_id,) in session.execute(_IN_REVIEW).fetchall():
        verify(session, card_id, 1, True, "seen", name)
        moves.complete(session, card_id)


def work(session: Session, name: str, chance: random.Random) -> None:
    sql = "SELECT id FROM backlog WHERE claimable ORDER BY random() LIMIT 1"
    some = session.execute(sql).fetchone()
    ways: list[Any] = [{"pool": chance.choice(POOLS), "count": chance.choice([1, 1, 3])}]
    ways += [{"card_id": some[0]}] if some else []
    held, why = claims.claim(session, name, 600, **chance.choice(ways))
    if why == BUDGET:
        raise_budget(session)
    time.sleep(chance.uniform(0.05, 0.2))  # so that others come to the limits meanwhile
    for card in held[1:]:
        if chance.random() < 0.3:
            moves.release(session, card.id, name, card.attempts)
        else:
            moves.complete(session, card.id, name, card.attempts, report=TOLD)
    if held:
        pool = chance.choice(POOLS)
        if chance.random() < 0.5:
            _, taken = claims.complete_and_claim(
                session, held[0].id, name, held[0].attempts, pool=pool, report=TOLD
            )
        else:
            first = [Held(held[0].id, held[0].attempts)]
            _, taken = batches.complete_many_and_claim(session, first, name, 3, pool=pool)
        for card in taken.cards:
            moves.complete(session, card.id, name, card.attempts, report=TOLD)


def raise_budget(session: Session) -> None:
    (budget,) = budgets.budgets(session)
    if budget.state == "spent":
        budgets.budget(session, "M2", tokens=budget.tokens + RAISED_BY)


if __name__ == "__main__":
    serve([storm], *sys.argv[1:])
