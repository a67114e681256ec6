"""Verdicts on the pages: the checklist of a card, its review, and what the board says of it."""

import re
from html import unescape

import pytest
from django.db import IntegrityError
from django.urls import reverse

from backlog.models import Card
from backlog.verbs.verdicts import ledger
from backlog.web.seen import Seen
from tests.factories import AccountFactory, CardFactory
from tests.pages import text

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]

EVIDENCE = "first line\nsecond line"


@pytest.fixture(autouse=True)
def in_review(store, transactional_db):
    """The card A, which w finished; B waits for it."""
    CardFactory(id="A", acceptance=["tests `pass`", "docs"], gated=True, claimed=True)
    CardFactory(id="B", depends_on=["A"])
    return Card.objects.complete("A", "w", 1)


def _press(client, name: str, **fields: str):
    data = {"action": name, "card": str(Seen.of(Card.objects.get(pk="A"))), **fields}
    return client.post(reverse("act"), data, follow=True)


def _judge(client, criterion: int, verdict: str = "passed", **more: str):
    said = {"criterion": str(criterion), "verdict": verdict, "evidence": EVIDENCE, **more}
    return _press(client, "verify", **said)


def _states(client) -> list[str]:
    return [item.state for item in client.get("/card/A/").context["checklist"]]


@pytest.mark.both_tiers
def test_an_operator_gives_a_verdict_that_the_page_shows(client):
    client.force_login(AccountFactory(username="ann", operator=True))
    assert "Gave a verdict on A" in _judge(client, 2, "failed", commit="9f8e7d6").text
    page = client.get("/card/A/")
    assert [item.state for item in page.context["checklist"]] == ["open", "failed"]
    assert re.search("failed by ann .*, in attempt 1, at 9f8e7d6", text(page))
    assert "<summary>first line</summary>" in re.sub(r"\s*\n\s*", "", page.text)
    assert "tests <code>pass</code>" in page.text
    found = ledger(Card.objects.session(), "A").criteria[1]
    assert (found.by, found.evidence) == ("ann", EVIDENCE)


def test_its_worker_is_told_that_another_judges_and_loses_no_word(client):
    client.force_login(AccountFactory(username="w", operator=True))
    page = _judge(client, 1)
    assert page.status_code == 409
    assert "w is its worker" in page.text
    assert "second line" in page.text


def test_what_is_missing_of_a_verdict_is_asked_for(admin_client):
    page = _press(admin_client, "verify", criterion="0", verdict="", evidence="")
    assert page.status_code == 200
    assert page.text.count("This field is required") == 2
    assert _states(admin_client) == ["open", "open"]


def test_a_verdict_on_a_card_that_changed_since_is_not_given(admin_client):
    seen = str(Seen.of(Card.objects.get(pk="A")))
    Card.objects.edit("A", acceptance=["other", "docs"])
    assert _press(admin_client, "verify", card=seen, criterion="1", verdict="passed",
                  evidence="e").status_code == 409  # fmt: skip


def test_who_only_looks_sees_the_checklist_and_no_form(viewer):
    page = viewer.get("/card/A/")
    assert "In review : 2 of its criteria have not passed" in text(page)
    assert 'value="verify"' not in page.text
    assert 'value="request-changes"' not in page.text
    refused = _judge(viewer, 1)
    assert (refused.status_code, "second line" in refused.text) == (403, True)


def test_a_card_in_review_is_completed_once_all_has_passed(admin_client):
    assert _press(admin_client, "complete").status_code == 409
    assert 'value="complete"' not in admin_client.get("/card/A/").text
    _judge(admin_client, 1)
    _judge(admin_client, 2)
    assert 'value="complete"' in admin_client.get("/card/A/").text
    assert "Completed A" in _press(admin_client, "complete").text


def test_changes_are_requested_on_the_page(admin_client):
    assert "Requested changes of A" in _press(admin_client, "request-changes", note="docs!").text
    card = Card.objects.get(pk="A")
    assert (card.status, card.answer) == ("ready", "docs!")


def test_the_board_counts_it_apart_from_what_needs_an_operator(admin_client):
    page = admin_client.get("/")
    found = page.context["board"].attention
    assert (found.total, found.in_review) == (0, 1)
    assert 'class="card review"' in page.text
    assert "A in review" in text(page)
    (link,) = re.findall(r'href="([^"]*review=1[^"]*)"', page.text)
    listed = admin_client.get(unescape(link))
    assert [card.id for card in listed.context["found"]] == ["A"]
    assert "in review" in text(listed)
    assert list(admin_client.get("/cards/?stuck=1").context["found"]) == []


@pytest.mark.parametrize(
    "path", ["/card/A/", "/card/B/", "/phase/M1/", "/search/?q=A", "/palette/?q=A", "/cards/"]
)
def test_a_card_in_review_is_called_so_everywhere(path, admin_client):
    Card.objects.all().update(phase="M1")
    page = text(admin_client.get(path)).replace("1 blocked", "")
    assert "in review" in page.lower()
    assert "in_review" not in page
    assert not re.search(r"\bA( ·)? blocked", page)


@pytest.mark.parametrize("changes", [{"status": "done"}, {"status": "done", "acceptance": []}])
def test_no_queryset_gets_past_its_verdicts(changes):
    with pytest.raises(IntegrityError, match="have not passed"):
        Card.objects.filter(pk="A").update(**changes)


def test_the_admin_does_not_get_past_its_verdicts(admin_client):
    data = {"action": "complete", "_selected_action": ["A"]}
    page = admin_client.post("/admin/backlog/card/", data, follow=True)
    assert "these have not passed in the eyes of another than its worker: 1, 2" in text(page)
    assert Card.objects.get(pk="A").in_review


def test_the_admin_shows_every_verdict(admin_client):
    _judge(admin_client, 1, "failed")
    _judge(admin_client, 1)
    listed = admin_client.get("/admin/backlog/verdict/?q=A")
    assert [row.passed for row in listed.context["cl"].result_list] == [True, False]
    assert list(admin_client.get("/admin/backlog/verdict/").context["cl"].result_list) == []


def test_an_operator_gates_a_phase_and_ungates_it_on_its_page(admin_client):
    Card.objects.edit("B", phase="M1")
    sent = {"name": "M1", "next": "/phase/M1/"}
    page = admin_client.post("/control/gate/", sent, follow=True)
    assert "Gated: phase M1, 1 card." in text(page)
    assert Card.objects.get(pk="B").gated
    page = admin_client.post("/control/ungate/", sent, follow=True)
    assert "Gated no longer: phase M1, 1 card." in text(page)
    assert not Card.objects.get(pk="B").gated
    page = admin_client.post("/control/ungate/", sent, follow=True)
    assert "phase M1 is not gated." in text(page)
