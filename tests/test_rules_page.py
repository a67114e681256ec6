"""Pauses and limits on the pages: who sees them, who sets them, and what an open board is told."""

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.urls import reverse

from backlog.models import Card
from backlog.verbs import rules
from backlog.web.queries.board import board
from tests.factories import CardFactory
from tests.pages import text

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.one_tier]


M1 = {"scope": "phase", "name": "M1"}


@pytest.fixture(autouse=True)
def card_a(store, transactional_db):
    return CardFactory(id="A", phase="M1")


def _pauses() -> list[tuple[str, ...]]:
    return [each[:4] for each in rules.in_force(Card.objects.session()).pauses]


@pytest.mark.both_tiers
@pytest.mark.parametrize(
    ("scope", "name", "said"),
    [("fleet", "", "the fleet"), ("phase", "M1", "phase M1"), ("owner", "w", "worker w")],
)
def test_an_operator_pauses_and_resumes(admin_client, scope, name, said):
    fields = {"scope": scope, "name": name, "reason": "release freeze"}
    page = admin_client.post("/control/pause/", fields, follow=True)
    assert f"Paused: {said}" in text(page)
    assert _pauses() == [(scope, name, "release freeze", "admin")]
    assert Card.objects.claim("w").card is None
    page = admin_client.post("/control/resume/", {"scope": scope, "name": name}, follow=True)
    assert f"Resumed: {said}" in text(page)
    assert Card.objects.claim("w").card is not None


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"reason": " "}, "This field is required"),
        ({"scope": "fleet"}, "the fleet has no name"),
        ({"name": ""}, "Name must not be blank"),
        ({"scope": "planet"}, "not one of the available choices"),
        ({"reason": "a\0b"}, "Null characters"),
    ],
)
def test_what_cannot_be_paused_is_an_error_of_the_form(admin_client, changes, said):
    page = admin_client.post("/control/pause/", {**M1, "reason": "freeze", **changes})
    assert (page.status_code, said in text(page)) == (200, True)
    assert _pauses() == []


def test_what_is_not_paused_any_more_is_said(admin_client):
    assert "not paused any more" in admin_client.post("/control/resume/", M1, follow=True).text


def test_a_scope_that_does_not_exist_is_refused(admin_client):
    assert admin_client.post("/control/resume/", {"scope": "planet"}).status_code == 400
    assert admin_client.post("/control/unlimit/", {"scope": "card"}).status_code == 400


@pytest.mark.both_tiers
def test_an_operator_sets_changes_and_removes_a_limit(admin_client):
    Card.objects.claim("w")
    for path, fields, said in (
        ("limit", {**M1, "most": "3"}, "1 of 3 cards"),
        ("limit", {**M1, "most": "1"}, "1 of 1 card at its limit"),
        ("unlimit", M1, "There are no limits."),
        ("unlimit", M1, "there is no limit on phase M1"),
        ("limit", {"scope": "fleet", "name": "", "most": "2"}, "the fleet 1 of 2 cards"),
        ("unlimit", {"scope": "fleet"}, "There are no limits."),
        ("limit", {"scope": "role", "name": "code", "most": "2"}, "role code there is no card"),
        ("unlimit", {"scope": "role", "name": "code"}, "There are no limits."),
        (
            "limit",
            {**M1, "scope": "review", "most": "0"},
            "what is in review of phase M1 0 of 0 cards in review at its limit",
        ),
    ):
        assert said in text(admin_client.post(f"/control/{path}/", fields, follow=True))


@pytest.mark.parametrize("most", ["", "-1", "many", "9" * 30])
def test_what_is_no_limit_is_an_error_of_the_form(admin_client, most):
    page = admin_client.post("/control/limit/", {**M1, "most": most})
    assert (page.status_code, "errorlist" in page.text) == (200, True)
    assert rules.in_force(Card.objects.session()).limits == ()


@pytest.mark.parametrize("path", ["/", "/cards/", "/fleet/"])
def test_a_pause_is_a_banner_with_who_why_and_a_way_out(admin_client, session, path):
    rules.pause(session, "phase", "M1", "<i>freeze</i>")
    page = admin_client.get(path)
    assert "Paused: phase M1 . <i>freeze</i>" in text(page)
    back = unescape(re.search(r'name="next"\s+value="([^"]*)"', page.text)[1])
    assert admin_client.post("/control/resume/", {**M1, "next": back}).url == path


def test_a_reader_sees_a_pause_without_buttons(client, settings, session):
    settings.BACKLOG_PUBLIC_BOARD = True
    rules.pause(session, "fleet", "", "freeze")
    rules.limit(session, "phase", "M1", 2)
    for path in ("/", "/cards/", "/fleet/", "/control/"):
        page = client.get(path)
        assert "freeze" in page.text
        assert '<form method="post"' not in page.text
        assert "/control/resume/" not in page.text


def test_a_lane_says_that_it_is_paused_or_at_its_limit(admin_client, session):
    Card.objects.claim("w")
    rules.pause(session, "phase", "M1", "freeze")
    rules.limit(session, "phase", "M1", 1)
    page = text(admin_client.get("/"))
    assert "paused: freeze at its limit: 1 of 1 claimed" in page
    rules.limit(session, "phase", "M1", 2)
    assert "paused: freeze 1 of 2 claimed" in text(admin_client.get("/"))


@pytest.mark.parametrize(
    ("rule", "parts"),
    [
        (lambda session: rules.pause(session, "phase", "M1", "freeze"), {"banner", "lane"}),
        (lambda session: rules.limit(session, "phase", "M1", 3), {"lane"}),
    ],
    ids=["pause", "limit"],
)
def test_a_rule_changes_the_heading_of_its_lane_and_a_pause_the_banner(session, rule, parts):
    before = board(Card.objects.session()).signatures
    rule(session)
    after = board(Card.objects.session()).signatures
    assert {key.partition("-")[0] for key in after if after[key] != before[key]} == parts


def test_an_open_board_is_told_of_a_pause(admin_client, session):
    before = admin_client.get("/live/").json()
    assert admin_client.get("/live/", {"v": before["version"]}).status_code == 204
    rules.pause(session, "phase", "M1", "freeze")
    after = admin_client.get("/live/", {"v": before["version"]}).json()["cells"]
    changed = [key for key in after if after[key] != before["cells"][key]]
    fresh = admin_client.get("/live/cells/", {"key": changed, "layout": "columns"}).json()["cells"]
    (heading,) = [key for key in fresh if key.startswith("lane-")]
    assert "paused: freeze" in fresh[heading]
    assert 'value="/?layout=columns"' in fresh["banner"]
    assert "csrfmiddlewaretoken" in fresh["banner"]


def test_all_that_holds_claims_back_is_one_look(session, django_assert_num_queries):
    rules.pause(session, "owner", "w", "late")
    rules.pause(session, "fleet", "", "freeze")
    rules.limit(session, "phase", "M1", 3)
    with django_assert_num_queries(1):
        found = rules.in_force(Card.objects.session())
    assert found.pauses == tuple(rules.pauses(session))
    assert found.limits == tuple(rules.limits(session))


def test_a_card_that_is_held_back_says_so_wherever_it_is_shown(admin_client):
    Card.objects.edit("A", not_before=datetime(2030, 1, 2, 3, 4, tzinfo=UTC))
    assert "held back, until 2 Jan 03:04" in text(admin_client.get("/"))
    assert "held back, until 2 Jan 2030 03:04" in text(admin_client.get("/cards/"))
    admin = reverse("admin:backlog_card_changelist")
    assert "held back until 2030-01-02 03:04 UTC" in text(admin_client.get(admin))
