"""The page of a worker: what it holds and did, when it was heard last, what holds it back."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest

from backlog.models import Card, Event
from backlog.verbs import rules
from backlog.verbs.runs import Report
from backlog.web.queries.worker import figures, heard, last_runs
from tests.factories import CardFactory

pytestmark = [
    pytest.mark.usefixtures("store"),
    pytest.mark.django_db(transaction=True),
    pytest.mark.one_tier,
]

YESTERDAY = datetime.now(UTC) - timedelta(days=1)


def _text(client, path: str = "/worker/w/") -> str:
    return " ".join(unescape(re.sub("<[^>]*>", " ", client.get(path).text)).split())


@pytest.fixture
def ran():
    """w completed A, which cost something, and failed at B."""
    for card_id in "AB":
        CardFactory(id=card_id, phase="M1", claimed=True, owner="w")
    Card.objects.complete("A", "w", report=Report(tokens=1500, cost="0.25"))
    Card.objects.release("B", "w", report=Report(outcome="failed", summary="no luck"))


@pytest.mark.both_tiers
def test_its_figures_are_those_of_its_runs_in_the_span(ran, past_triggers):
    found = figures("w", YESTERDAY)
    shown = [str(found[name]) for name in ("kept", "runs", "completed", "tokens", "cost")]
    assert shown == ["2", "2", "1", "1500", "0.250000"]
    past_triggers("UPDATE backlog_ended_run SET ended_at = ended_at - interval '2 days'")
    found = figures("w", YESTERDAY)
    assert [found[name] for name in ("kept", "runs", "completed", "cost")] == [2, 0, 0, None]


@pytest.mark.both_tiers
def test_half_of_its_completed_runs_took_no_longer_than_it_says(ran, past_triggers):
    past_triggers("UPDATE backlog_ended_run SET started_at = ended_at - interval '90 seconds'")
    assert figures("w", YESTERDAY)["median"] == timedelta(seconds=90)


@pytest.mark.both_tiers
def test_it_was_heard_when_it_claimed_renewed_or_told_an_end(ran, past_triggers):
    past_triggers(
        "UPDATE backlog_ended_run SET started_at = '2026-01-01', ended_at = '2026-01-02'",
    )
    assert heard("w", figures("w", YESTERDAY)) == datetime(2026, 1, 2, tzinfo=UTC)
    past_triggers("UPDATE backlog_ended_run SET outcome = 'expired'")
    assert heard("w", figures("w", YESTERDAY)) == datetime(2026, 1, 1, tzinfo=UTC)
    CardFactory(id="C", claimed=True, owner="w")
    assert heard("w", figures("w", YESTERDAY)) == Card.objects.get(pk="C").claimed_at
    Card.objects.renew("C", "w")
    assert heard("w", figures("w", YESTERDAY)) == Card.objects.get(pk="C").claimed_at


def test_its_last_runs_come_with_the_titles_of_their_cards(ran):
    assert [(run.card_id, run.title, run.outcome) for run in last_runs("w")] == [
        ("B", "Card B", "failed"),
        ("A", "Card A", "completed"),
    ]


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
