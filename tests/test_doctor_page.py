"""The doctor's page: what needs an operator, with a button where there is one."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from backlog.models import Card
from backlog.verbs import rules
from backlog.verbs.sweep import look
from backlog.web.views import doctor as views
from tests.factories import CardFactory
from tests.forms import sent

pytestmark = [pytest.mark.usefixtures("django_store"), pytest.mark.one_tier]


def _groups(client) -> dict[str, list[str | None]]:
    """The kinds of what is found, and the cards."""
    groups = client.get("/doctor/").context["groups"]
    return {group.kind: [finding.id for finding, *_ in group.rows] for group in groups}


def _said(client) -> str:
    """The page, but for what keeps a word in one piece, and the quotes of a program's path."""
    return unescape(re.sub("</?span[^>]*>|&#x27;", "", client.get("/doctor/").text))


def _press(client, kind: str):
    """Press the first button of a kind; the page that follows."""
    page = client.get("/doctor/").text
    section = re.search(rf'<section aria-labelledby="{kind}">.*?</section>', page, re.S)[0]
    form = re.search(r'<form method="post" action="([^"]+)">(.*?)</form>', section, re.S)
    fields = dict(re.findall(r'name="(\w+)"\s+value="([^"]*)"', form[2]))
    return client.post(form[1], {name: unescape(value) for name, value in fields.items()})


def test_a_backlog_that_goes_on_by_itself_is_well(admin_client):
    CardFactory(id="A")
    assert "All is well" in admin_client.get("/doctor/").text


def test_a_blocked_card_is_unblocked_with_what_it_holds_up(admin_client):
    CardFactory(id="A", blocked=True, reason="needs_input")
    CardFactory(id="B", depends_on=["A"])
    assert _groups(admin_client) == {"blocked": ["A"], "waiting": ["B"]}
    assert _press(admin_client, "blocked").url == "/doctor/"
    assert _groups(admin_client) == {}


def test_a_question_is_answered_where_it_is_found_in_the_words_of_the_board(admin_client):
    CardFactory(id="A", title="Pick one", blocked=True, reason="needs_input", note="which?")
    CardFactory(id="B", title="Use it", depends_on=["A"])
    page = _said(admin_client)
    assert re.search(
        r'href="/card/A/">Pick one A</a></th>\s*<td class="text">\s*needs an answer: which\?', page
    )
    assert (">Use it B</a>" in page, re.search(r">Open Pick one\s+A</a>", page) is None) == (
        True,
        False,
    )
    answer = {**sent(admin_client.get("/doctor/").text, "note"), "action": "answer", "note": "this"}
    assert admin_client.post(reverse("act"), answer)["Location"] == "/doctor/"
    assert (Card.objects.get(pk="A").status, Card.objects.get(pk="A").answer) == ("ready", "this")


def test_a_dependency_that_does_not_exist_is_removed(admin_client):
    CardFactory(id="A", depends_on=["nowhere"])
    assert _groups(admin_client) == {"missing": ["A"]}
    _press(admin_client, "missing")
    assert Card.objects.get(pk="A").depends_on == []


def test_a_dependency_that_does_not_exist_is_made_by_who_may(admin_client, viewer):
    CardFactory(id="A", depends_on=["no where"])
    link = '<a href="/cards/new/?id=no%20where">'
    assert link in admin_client.get("/doctor/").text
    assert link in admin_client.get("/card/no%20where/").text
    assert 'value="no where"' in admin_client.get("/cards/new/?id=no%20where").text
    assert "/cards/new/" not in viewer.get("/doctor/").text + viewer.get("/card/no%20where/").text


def test_a_cycle_made_behind_our_back_is_opened(admin_client):
    CardFactory(id="A")
    CardFactory(id="B", depends_on=["A"])
    Card.objects.filter(pk="A").update(depends_on=["B"])
    assert _groups(admin_client) == {"cycle": ["A", "B"]}
    _press(admin_client, "cycle")
    assert "cycle" not in _groups(admin_client)


def test_a_lease_that_is_over_is_reclaimed(admin_client):
    CardFactory(id="A", expired=True)
    _press(admin_client, "expired")
    assert Card.objects.get(pk="A").status == "ready"


def test_what_is_paused_with_work_waiting_is_resumed(admin_client, session):
    CardFactory(id="A", phase="M1")
    rules.pause(session, "phase", "M1", "freeze")
    assert _press(admin_client, "paused").url == "/doctor/"
    assert _groups(admin_client) == {}


def test_a_limit_that_nothing_frees_leads_to_the_limits(admin_client, session):
    CardFactory(id="A", phase="M1")
    rules.limit(session, "phase", "M1", 0)
    page = _said(admin_client)
    assert '<a href="/control/">Pause and limits</a>' in page
    assert "backlog unlimit --phase M1" in page


def test_what_is_counted_wrongly_comes_with_its_command(admin_client, past_triggers):
    CardFactory(id="A", depends_on=["nowhere"])
    past_triggers("DELETE FROM backlog_dependency")
    assert "backlog store psql -- -c" in _said(admin_client)


def test_only_the_first_findings_of_a_kind_are_listed(admin_client, monkeypatch):
    monkeypatch.setattr(views, "MOST", 2)
    for n in range(3):
        CardFactory(id=f"A{n}", blocked=True)
    page = admin_client.get("/doctor/")
    assert len(page.context["groups"][0].rows) == 2
    assert ("Blocked (3)" in page.text, "The first 2;" in page.text) == (True, True)


def test_a_reader_sees_the_findings_without_buttons(client, settings):
    settings.BACKLOG_PUBLIC_BOARD = True
    CardFactory(id="A", blocked=True)
    page = _said(client)
    assert ("backlog unblock --id A" in page, '<form method="post"' in page) == (True, False)


def test_the_doctor_asks_the_same_of_few_cards_and_of_many(admin_client):
    def asked(number: int) -> int:
        CardFactory.create_batch(number, blocked=True)
        with CaptureQueriesContext(connection) as queries:
            admin_client.get("/doctor/")
        return len(queries)

    assert asked(1) == asked(30)


def test_nothing_is_counted_again_while_nothing_was_committed(admin_client):
    CardFactory(id="A")
    assert _groups(admin_client) == {}
    with CaptureQueriesContext(connection) as asked:
        assert _groups(admin_client) == {}
    assert not [query["sql"] for query in asked if "recounted" in query["sql"]]
    Card.objects.block("A")
    assert _groups(admin_client) == {"blocked": ["A"]}


def test_of_a_large_backlog_the_page_says_how_old_its_findings_are(
    admin_client, session, monkeypatch
):
    monkeypatch.setattr("backlog.verbs.kept.SMALL", 0)
    CardFactory(id="A", depends_on=["nowhere"])
    session.execute("ANALYZE backlog")
    assert "Nobody has looked of late" in admin_client.get("/doctor/").text
    look(session)
    assert "is as of <time" in admin_client.get("/doctor/").text
    assert _groups(admin_client) == {"missing": ["A"]}
    _press(admin_client, "missing")
    assert _groups(admin_client) == {}


def test_it_has_the_keys_of_every_page(admin_client):
    page = admin_client.get("/doctor/").text
    said = ("keys.js", "to the Undo", "select the card")
    assert [each in page for each in said] == [True, True, False]
