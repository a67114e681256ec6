"""Sixteen processes at the budget of a phase: when it is spent, no claim of the phase is given."""

import os

import pytest

from backlog.verbs import budgets, cards
from tests.command import On

pytestmark = pytest.mark.deep

CREW = 16
CARDS = 200
TOOK = 10  # tokens, each card
TOKENS = 1000

# Each claims and finishes, in one trip (every other one) or in two, until it is told that the
# budget is spent three times in a row.
WORK = """
import os, sys
from multiprocessing import get_context
from backlog.session import PsycopgSession
from backlog.store import storage
from backlog.verbs import claims, moves
from backlog.verbs.pool import Pool
from backlog.verbs.runs import Report

M1, TOLD = Pool("M1"), Report(tokens=int(sys.argv[2]))

def work(number):
    session = PsycopgSession(storage.from_environment().connect())
    owner, refused = f"w{number}", 0
    while refused < 3:
        taken = claims.claim(session, owner, pool=M1)
        if taken.why == "empty":
            return
        while card := taken.card:
            how = {"attempt": card.attempts, "report": TOLD}
            if number % 2:
                _, taken = claims.complete_and_claim(session, card.id, owner, pool=M1, **how)
            else:
                moves.complete(session, card.id, owner, **how)
                taken = claims.claim(session, owner, pool=M1)
        refused = refused + 1 if taken.why == "budget" else 0

process = get_context("fork").Process
racing = [process(target=work, args=(number,)) for number in range(int(sys.argv[1]))]
for each in racing: each.start()
for each in racing: each.join()
sys.exit(max(each.exitcode for each in racing))
"""


def at_work() -> None:
    """The crew, to its end."""
    with On(**os.environ).python(WORK, str(CREW), str(TOOK)) as process:
        _, said = process.communicate(timeout=300)
    assert (process.returncode, said) == (0, "")


def test_a_spent_budget_is_passed_by_what_was_claimed_alone_and_is_raised(session):
    with session.transaction():
        for number in range(CARDS):
            cards.create(session, f"A{number}", "Card", phase="M1")
    budgets.budget(session, "M1", tokens=TOKENS)
    at_work()
    (spent,) = budgets.budgets(session)
    done = sum(1 for _ in cards.list_cards(session, "done"))
    assert (spent.state, spent.spent_tokens) == ("spent", done * TOOK)
    # Of the others, each had a card at that moment, or was being given one.
    assert TOKENS <= spent.spent_tokens < TOKENS + CREW * TOOK
    budgets.budget(session, "M1", tokens=CARDS * TOOK + 1)
    at_work()
    assert budgets.budgets(session)[0].spent_tokens == CARDS * TOOK
