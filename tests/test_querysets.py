"""The verbs as Django code calls them."""

from functools import partial

import pytest
from django.db import transaction
from django.db.transaction import TransactionManagementError

from backlog.errors import Cycle, UsageError
from backlog.models import Card
from backlog.querysets.compiled import Compiled
from backlog.records import Record
from backlog.verbs import claims, rules
from backlog.verbs.batches import Held
from backlog.verbs.pool import Pool
from tests.factories import CardFactory
from tests.workers import Background

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.quick]

# What no claim returns, for it would pay for it.
NOT_READ = ("own_gate",)


@pytest.fixture(autouse=True)
def three_cards(store, transactional_db):
    for card_id, phase in (("A", "M1"), ("B", "M2"), ("C", "M2")):
        CardFactory(id=card_id, phase=phase)


def test_a_claim_honours_the_filters_of_the_queryset():
    assert Card.objects.filter(phase="M2").claim("w").card.pk == "B"


def test_a_claim_from_no_cards_is_none():
    assert Card.objects.none().claim("w").card is None


def test_stats_count_the_cards_of_the_queryset():
    assert Card.objects.filter(phase="M2").stats().total == 2


def test_reclaim_returns_only_cards_of_the_queryset():
    for card_id, phase in (("D", "M1"), ("E", "M2")):
        CardFactory(id=card_id, phase=phase, expired=True)
    assert Card.objects.filter(phase="M2").reclaim() == ["E"]


@pytest.mark.one_tier
def test_a_verb_on_one_card_refuses_a_filtered_queryset():
    with pytest.raises(TypeError, match=r"Card\.objects"):
        Card.objects.filter(phase="M2").complete("A")


@pytest.mark.one_tier
def test_a_claim_refuses_a_slice():
    with pytest.raises(TypeError, match="slice"):
        Card.objects.all()[:1].claim("w")


def test_a_verb_returns_a_whole_card_that_is_asked_for_nothing_more(django_assert_num_queries):
    card = Card.objects.claim("w", ttl=60).card
    with django_assert_num_queries(0):
        names = [field.attname for field in Card._meta.fields if field.attname not in NOT_READ]
        returned = {name: getattr(card, name) for name in names}
    fresh = Card.objects.get(pk=card.pk)
    assert returned == {name: getattr(fresh, name) for name in returned}


def test_acceptance_is_any_json_value():
    card = Card.objects.create(id="D", title="D", acceptance={"tests": ["a", "b"]})
    assert card.acceptance == {"tests": ["a", "b"]}


def test_a_refusal_is_an_exception_and_nothing_has_changed():
    Card.objects.link("A", "B")
    with pytest.raises(Cycle):
        Card.objects.link("B", "A")
    assert Card.objects.get(pk="B").depends_on == []


@pytest.mark.one_tier
def test_what_no_card_could_have_is_refused_before_the_database_is_asked():
    with pytest.raises(UsageError, match="blank"):
        Card.objects.claim("  ")
    with pytest.raises(UsageError, match="ttl"):
        Card.objects.claim("w", ttl=0)


def test_a_verb_inside_atomic_is_undone_with_it():
    with transaction.atomic():
        Card.objects.claim("w")
        transaction.set_rollback(True)
    assert Card.objects.stats().counts["claimed"] == 0


def test_a_refusal_inside_atomic_leaves_the_transaction_usable():
    with transaction.atomic():
        with pytest.raises(Cycle):
            Card.objects.link("A", "A")
        Card.objects.complete("A")
    assert Card.objects.get(pk="A").status == "done"


def test_claimable_and_waiting_divide_the_ready_cards():
    Card.objects.link("A", "B")
    assert [c.pk for c in Card.objects.waiting()] == ["A"]
    assert [c.pk for c in Card.objects.claimable().in_claim_order()] == ["B", "C"]


def test_a_claim_is_one_query(django_assert_num_queries):
    Card.objects.claim("v")  # the first of a process compiles it
    with django_assert_num_queries(1):
        Card.objects.claim("w")


# The claim ----------------------------------------------------------------------------------------


@pytest.mark.one_tier
@pytest.mark.parametrize("closed", [(), ("M8",), ("M8", "M9")])
@pytest.mark.parametrize("gated", [True, False])
@pytest.mark.parametrize("count", [1, 5])
@pytest.mark.parametrize(
    "among",
    [Pool(p, r) for p in (None, "M1") for r in (None, "code")]
    + [Pool(roles=("code",)), Pool("M1", roles=("code", "review"))]
    + [Pool(named=True), Pool("M1", "code", named=True)],
)
def test_the_command_claims_by_what_the_orm_compiles(among, count, gated, closed):
    for roles in ((), closed):
        how = (count, gated, closed, roles)
        compiled = Compiled(Card.objects.all(), among, "default").next_to_claim(*how)
        assert among.next_to_claim(*how) == compiled


def test_a_filtered_queryset_claims_by_what_it_compiles_itself():
    assert Card.objects.filter(title="Card C").claim("w", phase="M2").card.pk == "C"
    coders = Card.objects.exclude(phase="M1").exclude(role=None)
    assert coders.claim("w", role="code") == ([], "empty")


def test_what_is_next_to_claim_is_what_a_claim_takes():
    with transaction.atomic():
        following = [card.pk for card in Card.objects.next_to_claim(2)]
    assert [card.pk for card in Card.objects.claim("w", count=2).cards] == following == ["A", "B"]


def test_what_is_next_to_claim_is_locked_and_passed_over_by_others(session):
    with transaction.atomic():
        assert [card.pk for card in Card.objects.next_to_claim()] == ["A"]
        assert claims.claim(session, "w").card.id == "B"


def test_what_is_next_to_claim_asks_for_a_transaction():
    with pytest.raises(TransactionManagementError):
        list(Card.objects.next_to_claim())


def test_a_claim_by_id_takes_that_card_or_none():
    assert Card.objects.claim("w", card_id="C").card.pk == "C"
    assert Card.objects.claim("v", card_id="C") == ([], "empty")
    with pytest.raises(TypeError, match=r"Card\.objects"):
        Card.objects.filter(phase="M1").claim("v", card_id="B")


def test_a_claim_says_why_there_was_nothing(session):
    rules.pause(session, "phase", "M2", "not now")
    assert Card.objects.claim("w", phase="M2") == ([], "paused")
    rules.limit(session, "phase", "M1", 0)
    assert Card.objects.claim("w") == ([], "paused")
    rules.resume(session, "phase", "M2")
    taken = Card.objects.filter(phase="M2").claim("w", count=9).cards
    assert [card.pk for card in taken] == ["B", "C"]
    assert Card.objects.claim("w") == ([], "limit")


def test_a_claim_waits_for_something_to_claim(session):
    Card.objects.claim("w", count=9)
    waiting = Background(session, partial(claims.claim, owner="v", wait=20))
    Card.objects.create(id="D", title="D")
    assert waiting.result().card.id == "D"


def test_many_cards_are_completed_in_one_query_and_given_as_cards(django_assert_num_queries):
    taken = Card.objects.claim("w", count=2).cards
    held = [Held(card.pk, card.attempts) for card in taken]
    with django_assert_num_queries(1):
        outcomes = Card.objects.complete_many(held, "w")
    assert [(each.card.pk, each.card.status) for each in outcomes] == [("A", "done"), ("B", "done")]
    (lost,) = Card.objects.renew_many([Held("C", 1)], "w")
    assert (lost.card, lost.refusal.code) == (None, "claim_lost")


@pytest.mark.one_tier
def test_a_record_has_the_columns_of_the_model_in_their_order():
    names = [field.attname for field in Card._meta.concrete_fields]
    assert [name for name in names if name not in NOT_READ] == list(Record._fields)
