"""The page of a worker: what it holds and did, when it was heard last, what holds it back."""

from contextvars import copy_context
from datetime import timedelta

import pytest

from backlog.models import Card, Event
from backlog.session import ACTOR
from backlog.verbs import rules
from backlog.verbs.runs import Report
from backlog.web.queries import worker as queries
from backlog.web.queries.worker import covered, figures, heard, runs, titles
from tests.factories import CardFactory
from tests.pages import text

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def _text(client, path: str = "/worker/w/") -> str:
    return text(client.get(path))


def _by_hand(actor: str, card_id: str) -> None:
    ACTOR.set(actor)
    Card.objects.complete(card_id)


@pytest.fixture
def ran():
    """w completed A, which cost something, and failed at B."""
    for card_id in "AB":
        CardFactory(id=card_id, phase="M1", claimed=True, owner="w")
    Card.objects.complete("A", "w", report=Report(tokens=1500, cost="0.25"))
    Card.objects.release("B", "w", report=Report(outcome="failed", summary="no luck"))


@pytest.mark.both_tiers
def test_its_figures_are_those_of_its_runs_in_the_span(admin_client, ran, past_triggers):
    found = admin_client.get("/worker/w/").context["figures"]
    shown = [str(found[name]) for name in ("runs", "completed", "tokens", "cost")]
    assert shown == ["2", "1", "1500", "0.250000"]
    past_triggers("UPDATE backlog_ended_run SET ended_at = ended_at - interval '2 days'")
    found = admin_client.get("/worker/w/").context["figures"]
    assert [found[name] for name in ("runs", "completed", "cost")] == [0, 0, None]


@pytest.mark.both_tiers
def test_half_of_its_completed_runs_took_no_longer_than_it_says(session, ran, past_triggers):
    past_triggers("UPDATE backlog_ended_run SET started_at = ended_at - interval '90 seconds'")
    assert figures(runs(session, "w", None))["median"] == timedelta(seconds=90)


@pytest.mark.both_tiers
def test_its_runs_are_found_however_they_ended_the_latest_first(session, ran):
    for card_id in ("expired", "by another", "deleted"):
        CardFactory(id=card_id, claimed=True, owner="w")
    CardFactory(id="by hand")
    CardFactory(id="not its own", claimed=True, owner="not w")
    Card.objects.reclaim_card("expired")
    Card.objects.complete("by another")
    Card.objects.delete_card("deleted")
    Card.objects.complete("not its own")
    copy_context().run(_by_hand, "w", "by hand")
    ended = ["by hand", "deleted", "by another", "expired", "B", "A"]
    assert [run.card_id for run in runs(session, "w", None)] == ended


def test_runs_are_looked_for_in_the_last_events_and_the_page_says_so(
    session, ran, monkeypatch, admin_client
):
    monkeypatch.setattr(queries, "MOST_EVENTS", 2)
    for _ in range(2):
        Card.objects.comment("A", "so it is")
    assert covered(session) == Event.objects.order_by("-id")[1].at
    assert "what the last 2 events of all cards tell" in _text(admin_client)
    assert runs(session, "w", covered(session)) == []


def test_it_was_heard_when_it_acted_or_renewed_last(session, ran, monkeypatch):
    monkeypatch.setattr(queries, "_FIRST_LOOK", 1)
    acted = heard(session, "w")
    CardFactory.create_batch(3)
    assert heard(session, "w") == acted == Event.objects.filter(actor="w").order_by("-id")[0].at
    CardFactory(id="C", claimed=True, owner="w")
    Card.objects.renew("C", "w")
    assert heard(session, "w") == Card.objects.get(pk="C").claimed_at > acted


def test_its_runs_come_with_what_was_said_and_the_titles_of_their_cards(session, ran):
    found = runs(session, "w", None)
    assert [(run.said, run.outcome) for run in found] == [
        ("no luck", "failed"),
        (None, "completed"),
    ]
    assert titles(found) == {"A": "Card A", "B": "Card B"}


@pytest.mark.both_tiers
def test_the_page_says_it_all(admin_client, ran):
    CardFactory(id="C", phase="M2", claimed=True, owner="w")
    page = _text(admin_client)
    for said in ("Holding now 1", "Completed 1 (50 %)", "Tokens 1,500", "no luck", "at work"):
        assert said in page


def test_whom_nobody_has_heard_of_is_404_and_who_only_acted_is_known(admin_client):
    assert admin_client.get("/worker/w/").status_code == 404
    CardFactory()
    assert "None has ended yet." in _text(admin_client, f"/worker/{Event.objects.get().actor}/")


@pytest.mark.parametrize(
    ("path", "fields", "said"),
    [
        ("pause", {"reason": "freeze"}, "Paused by admin"),
        ("limit", {"most": "3"}, "1 of 3 claimed."),
        ("limit", {"most": "1"}, "At its limit: 1 of 1 claimed."),
    ],
)
def test_a_rule_is_set_and_ended_from_the_page(admin_client, path, fields, said):
    CardFactory(claimed=True, owner="w")
    sent = {"scope": "owner", "name": "w", "next": "/worker/w/", **fields}
    assert admin_client.post(f"/control/{path}/", sent).url == "/worker/w/"
    assert said in _text(admin_client)
    ended = {"pause": "resume", "limit": "unlimit"}[path]
    assert admin_client.post(f"/control/{ended}/", sent).url == "/worker/w/"
    assert rules.in_force(Card.objects.session()) == rules.Rules()


def test_a_reader_of_a_public_board_has_no_forms(client, settings, ran):
    settings.BACKLOG_PUBLIC_BOARD = True
    assert '<form method="post"' not in client.get("/worker/w/").text
