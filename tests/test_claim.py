"""What a claim takes, in which order, and what it never does."""

import pytest

from backlog.verbs import claims, moves
from backlog.verbs.pool import Pool

pytestmark = pytest.mark.quick


def test_a_claim_takes_the_highest_priority_first(session, card):
    card("low", priority=1)
    card("high", priority=9)
    assert claims.claim(session, "w").card.id == "high"


def test_a_claim_for_a_role_takes_cards_for_it_and_cards_for_none(session, card):
    for card_id, role in (("A", "review"), ("B", None), ("C", "code")):
        card(card_id, role=role)
    taken = [claims.claim(session, "w", pool=Pool(role="code")).card for _ in range(3)]
    assert [each and each.id for each in taken] == ["B", "C", None]


def test_a_card_that_waits_is_not_claimed(session, card):
    card("B", needs=["A"])
    assert claims.claim(session, "w").card is None


def test_finishing_the_last_dependency_makes_a_card_claimable(session, card):
    card("A")
    card("B", needs=["A"])
    moves.complete(session, "A")
    assert claims.claim(session, "w").card.id == "B"
