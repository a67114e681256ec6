"""What a claim takes, in which order, and what it never does."""

import pytest

from backlog.verbs import claims, moves

pytestmark = pytest.mark.quick


def test_a_claim_takes_the_highest_priority_first(session, card):
    card("low", priority=1)
    card("high", priority=9)
    assert claims.claim(session, "w").card.id == "high"


def test_a_card_that_waits_is_not_claimed(session, card):
    card("B", needs=["A"])
    assert claims.claim(session, "w").card is None


def test_finishing_the_last_dependency_makes_a_card_claimable(session, card):
    card("A")
    card("B", needs=["A"])
    moves.complete(session, "A")
    assert claims.claim(session, "w").card.id == "B"
